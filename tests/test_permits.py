"""What agents were denied as rules to allow, and the rules that a person has allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from abp_tui.domain.status import JobStatus
from abp_tui.errors import EditConflict, InvalidInput
from abp_tui.execution.executor import JobExecutor
from abp_tui.orchestrator import Orchestrator
from abp_tui.settings import Settings
from abp_tui.store.repository import Repository
from abp_tui.views import view_job
from tests.factories import InProcessWorker, make_job

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


def test_skipped_checks_are_a_warning_of_the_job_and_nothing_else_is(repository: Repository) -> None:
    job_id = claude_job(repository, permission_mode="bypassPermissions")
    (warning,) = view_job(repository.jobs.get(job_id)).warnings
    assert warning.startswith("SKIPS ALL PERMISSION CHECKS")
    calm = make_job(repository, 1, name="calm", worker="claude", worker_options={"model": "haiku"})
    unknown = make_job(repository, 1, name="unknown", worker="no-such", worker_options={"a": 1})
    assert view_job(calm).warnings == view_job(unknown).warnings == ()


def test_the_cause_is_found_by_the_beginning_of_its_id(repository: Repository) -> None:
    from tests.factories import fail

    agent = InProcessWorker(fail)
    make_job(repository, 2, status=JobStatus.RUNNING)
    JobExecutor(repository, 1, agent).run()
    orchestrator = Orchestrator(repository, agent, settings=Settings())
    (cause,) = orchestrator.causes("words")
    assert orchestrator.cause("words", cause.fingerprint[:3]) == cause
    orchestrator.retry_cause("words", cause.fingerprint[:3])
    assert repository.jobs.get(1).counters.pending == 2
