"""What agents were denied as rules to allow, and the rules that a person has allowed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from abp_tui.domain.failure import FailureKind
from abp_tui.domain.model import Denial, Job, Outcome
from abp_tui.domain.status import JobStatus
from abp_tui.errors import EditConflict, InvalidInput
from abp_tui.execution.executor import JobExecutor
from abp_tui.orchestrator import Orchestrator
from abp_tui.settings import Settings
from abp_tui.store.repository import Repository
from abp_tui.views import view_job
from abp_tui.workers import claude_rules
from abp_tui.workers.base import Sink, Task
from abp_tui.workers.cancel import Cancel
from tests.factories import Behaviour, InProcessWorker, answer, fail, make_job

CLAUDE = str(Path(__file__).parent / "standins" / "claude")


@pytest.fixture
def orchestrator(repository: Repository) -> Orchestrator:
    return Orchestrator(repository, settings=Settings())


def claude_job(
    repository: Repository, template: str = "@@deny@@ {n}", count: int = 2, **options: object
) -> int:
    options = {"program": CLAUDE, **options}
    return make_job(repository, count, template=template, worker="claude", worker_options=options).id


def test_what_the_test_was_denied_is_the_smallest_set_of_rules(orchestrator: Orchestrator) -> None:
    job_id = claude_job(orchestrator.repository)
    JobExecutor(orchestrator.repository, job_id).run_test(0)
    (proposal,) = orchestrator.proposed_rules(job_id)
    assert (proposal.rule, proposal.words) == ("Edit(b.txt)", "1 unit wanted it: Write b.txt")


def test_blocked_units_are_counted_for_each_rule_and_what_is_allowed_is_left_out(
    orchestrator: Orchestrator,
) -> None:
    job_id = claude_job(orchestrator.repository)
    orchestrator.repository.jobs.move(job_id, JobStatus.RUNNING)
    JobExecutor(orchestrator.repository, job_id).run()
    assert [p.units for p in orchestrator.proposed_rules(job_id)] == [2]
    recipe = orchestrator.permit(job_id, ["Edit(b.txt)", " Edit(b.txt) "])
    assert recipe.worker_options["allowed_tools"] == ["Edit(b.txt)"]
    assert orchestrator.proposed_rules(job_id) == ()
    assert orchestrator.permit(job_id, ["WebSearch"]).worker_options["allowed_tools"] == [
        "Edit(b.txt)",
        "WebSearch",
    ]


class Claudish(InProcessWorker):
    """Has the rules of Claude, and runs here."""

    rules_option = "allowed_tools"
    allowed: tuple[str, ...] = ()

    def rules(self) -> tuple[str, ...]:
        return self.allowed

    def rules_for(self, denials: Sequence[Denial], own: Sequence[str]) -> tuple[str, ...]:
        return tuple(claude_rules.rules(denials, own))


def claudish(repository: Repository, behaviour: Behaviour) -> Orchestrator:
    return Orchestrator(repository, Claudish(behaviour), settings=Settings())


def run(orchestrator: Orchestrator, job: Job) -> None:
    JobExecutor(orchestrator.repository, job.id, orchestrator._worker).run()


def denied(tool: str, detail: str) -> Outcome:
    return Outcome(ok=True, output="I could not", denials=(Denial(tool=tool, detail=detail),))


def wants(orchestrator: Orchestrator, job: Job) -> dict[str, int]:
    return {proposal.rule: proposal.units for proposal in orchestrator.proposed_rules(job.id)}


def test_every_denied_attempt_of_a_unit_that_has_not_ended_well_counts(repository: Repository) -> None:
    tries = Counter[int]()

    def behave(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        n = task.payload["n"]
        tries[n] += 1
        outcome = denied("Bash", f"tool{n} x")
        lacking = outcome.model_copy(update={"ok": False, "failure": FailureKind.PERMISSION})
        transient = lacking.model_copy(update={"failure": FailureKind.TRANSIENT})
        later = answer(task, sink, cancel) if n == 3 else Outcome.failed(FailureKind.PERMANENT, "no")
        return {0: outcome, 1: lacking}.get(n) or (transient if tries[n] == 1 else later)

    job = make_job(repository, 4, status=JobStatus.RUNNING, max_retries=1)
    orchestrator = claudish(repository, behave)
    run(orchestrator, job)
    assert wants(orchestrator, job) == {f"Bash(tool{n} x)": 1 for n in (0, 1, 2)}
    orchestrator.accept(job.id, [0])
    assert wants(orchestrator, job) == {f"Bash(tool{n} x)": 1 for n in (1, 2)}


def test_a_rejected_test_counts_and_of_older_versions_only_what_still_stands(repository: Repository) -> None:
    said = iter(("one x", "two x", "three x"))
    orchestrator = claudish(repository, lambda *_: denied("Bash", next(said)))
    job = make_job(repository, 3)
    orchestrator.test(job.id)
    orchestrator.reject(job.id)
    assert wants(orchestrator, job) == {"Bash(one x)": 1}
    orchestrator.test(job.id)
    assert wants(orchestrator, job) == {"Bash(one x)": 1, "Bash(two x)": 1}
    orchestrator.set_prompt(job.id, "Do it well: {n}")
    assert wants(orchestrator, job) == {"Bash(two x)": 1}
    orchestrator.test(job.id, 0)
    assert wants(orchestrator, job) == {"Bash(three x)": 1}


def writes(path: str) -> Behaviour:
    return lambda task, *_: denied("Write", path.format(**task.payload))


@pytest.mark.parametrize(
    ("path", "rules"),
    [
        ("/out/{n}.html", {"Edit(//out/*.html)": 10}),
        ("/out/{name}-report.html", {"Edit(//out/*-report.html)": 10}),
        ("/out/{kind}-{n}.html", {"Edit(//out/page-*.html)": 10}),
        ("/out/index.html", {"Edit(//out/index.html)": 10}),
        ("/out/{kind}.html", {"Edit(//out/page.html)": 10}),
        ("/out/{n}/index.html", {f"Edit(//out/{n}/index.html)": 1 for n in range(10)}),
        ("/out/x{n}.html", {f"Edit(//out/x{n}.html)": 1 for n in range(10)}),
    ],
)
def test_files_of_one_folder_are_one_rule_where_they_differ_in_what_their_items_are(
    repository: Repository, path: str, rules: dict[str, int]
) -> None:
    items = [{"n": n, "name": f"word{n}", "kind": "page"} for n in range(10)]
    orchestrator = claudish(repository, writes(path))
    job = make_job(repository, 10, payloads=items, status=JobStatus.RUNNING, max_failures_in_row=0)
    run(orchestrator, job)
    assert wants(orchestrator, job) == rules
    orchestrator._worker.allowed = tuple(rules)
    assert wants(orchestrator, job) == {}


@pytest.mark.parametrize(
    ("command", "rules"),
    [
        ("pdftotext {name}.pdf -", {"Bash(pdftotext *.pdf -)": 10}),
        ("rm {name}.pdf", {f"Bash(rm word{n}.pdf)": 1 for n in range(10)}),
        ("head {name}.pdf", {"Bash(head *)": 10}),
        ("a {name}.x && a {n}.x", {f"Bash(a {word}{n}.x)": 1 for n in range(10) for word in ("word", "")}),
    ],
)
def test_commands_are_one_rule_where_their_files_differ_in_what_their_items_are(
    repository: Repository, command: str, rules: dict[str, int]
) -> None:
    items = [{"n": n, "name": f"word{n}"} for n in range(10)]
    orchestrator = claudish(repository, lambda task, *_: denied("Bash", command.format(**task.payload)))
    job = make_job(repository, 10, payloads=items, status=JobStatus.RUNNING, max_failures_in_row=0)
    run(orchestrator, job)
    assert wants(orchestrator, job) == rules


def test_of_one_unit_alone_only_its_name_gives_way(repository: Repository) -> None:
    orchestrator = claudish(repository, writes("/out/{file_stem}.{n}.html"))
    job = make_job(repository, 1, payloads=[{"file_path": "/x/a.txt", "file_stem": "a", "n": 7}])
    orchestrator.test(job.id)
    assert wants(orchestrator, job) == {"Edit(//out/*.7.html)": 1}


def test_nothing_is_proposed_where_nothing_was_denied(orchestrator: Orchestrator) -> None:
    job_id = claude_job(orchestrator.repository, "{n}")
    assert orchestrator.proposed_rules(job_id) == ()
    JobExecutor(orchestrator.repository, job_id).run_test(0)
    assert orchestrator.proposed_rules(job_id) == ()


def test_a_worker_without_rules_takes_none(orchestrator: Orchestrator) -> None:
    job = make_job(orchestrator.repository, worker="command", worker_options={"argv": ["true"]})
    with pytest.raises(InvalidInput, match="takes no rules"):
        orchestrator.permit(job.id, ["x"])


def test_what_is_no_rule_is_refused(orchestrator: Orchestrator) -> None:
    job_id = claude_job(orchestrator.repository)
    with pytest.raises(InvalidInput):
        orchestrator.permit(job_id, ["--dangerously-skip-permissions"])
    orchestrator.set_prompt(job_id, "other {n}")
    with pytest.raises(EditConflict):
        orchestrator.permit(job_id, ["WebSearch"], based_on=1)


def test_a_rule_that_somebody_else_allows_meanwhile_is_not_lost(repository: Repository) -> None:
    job = make_job(repository, 1)
    theirs = claudish(repository, answer)

    class Slow(Claudish):
        """Somebody else allows a rule once this one's have been read."""

        @property
        def rules_option(self) -> str:  # type: ignore[override]
            if repository.jobs.get(job.id).recipe.version == 1:
                theirs.permit(job.id, ["Theirs"])
            return "allowed_tools"

    with pytest.raises(EditConflict, match="version 2 was saved in the meantime"):
        Orchestrator(repository, Slow(answer), settings=Settings()).permit(job.id, ["Mine"])
    assert repository.jobs.get(job.id).recipe.worker_options == {"allowed_tools": ["Theirs"]}


def test_skipped_checks_are_a_warning_of_the_job_and_nothing_else_is(repository: Repository) -> None:
    job_id = claude_job(repository, permission_mode="bypassPermissions")
    (warning,) = view_job(repository.jobs.get(job_id)).warnings
    assert warning.startswith("SKIPS ALL PERMISSION CHECKS")
    calm = make_job(repository, 1, name="calm", worker="claude", worker_options={"model": "haiku"})
    unknown = make_job(repository, 1, name="unknown", worker="no-such", worker_options={"a": 1})
    assert view_job(calm).warnings == view_job(unknown).warnings == ()


def test_the_cause_is_found_by_the_beginning_of_its_id(repository: Repository) -> None:
    agent = InProcessWorker(fail)
    make_job(repository, 2, status=JobStatus.RUNNING)
    JobExecutor(repository, 1, agent).run()
    orchestrator = Orchestrator(repository, agent, settings=Settings())
    (cause,) = orchestrator.causes("words")
    assert orchestrator.cause("words", cause.fingerprint[:3]) == cause
    orchestrator.retry_cause("words", cause.fingerprint[:3])
    assert repository.jobs.get(1).counters.pending == 2
