"""Edits of a recipe: versions, conflicts, and from when on they hold."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

from abp_tui.domain.model import Job, Outcome
from abp_tui.domain.status import JobStatus
from abp_tui.errors import EditConflict, InvalidInput, NotFound, WorkerUnavailable
from abp_tui.execution.executor import JobExecutor
from abp_tui.orchestrator import Orchestrator
from abp_tui.settings import Settings
from abp_tui.store.repository import Repository
from abp_tui.workers.base import Sink, Task
from abp_tui.workers.cancel import Cancel
from tests.execution.test_executor import run_in_thread
from tests.factories import InProcessWorker, answer, make_job
from tests.waiting import wait_until

CAT = {"argv": ["cat", "{n}"]}


@pytest.fixture
def orchestrator(repository: Repository) -> Orchestrator:
    return Orchestrator(repository, settings=Settings())


def command_job(repository: Repository, **more: object) -> Job:
    return make_job(repository, worker="command", worker_options=CAT, **more)  # type: ignore[arg-type]


def test_an_edit_is_a_new_version_with_all_its_changes(orchestrator: Orchestrator) -> None:
    job = command_job(orchestrator.repository)
    recipe = orchestrator.edit_recipe(
        "words",
        prompt_template="Now {n}",
        worker_options={"stdin": "nothing"},
        timers={"idle": 30},
        checks=[{"kind": "not_empty"}],
        output_schema={"type": "object"},
    )
    assert recipe.version == 2
    assert recipe.worker_options == {**CAT, "stdin": "nothing"}
    assert recipe.timers.idle_s == 30
    assert recipe.timers.backoff_s == job.recipe.timers.backoff_s
    assert recipe.checks[0]["kind"] == "not_empty"
    assert orchestrator.repository.recipes.get(job.id, 1) == job.recipe
    assert orchestrator.edit_recipe("words", output_schema=None).output_schema is None


def test_what_changes_nothing_is_no_version(orchestrator: Orchestrator) -> None:
    command_job(orchestrator.repository)
    assert orchestrator.edit_recipe("words", prompt_template="Do {n}").version == 1
    assert orchestrator.edit_recipe("words").version == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"kind": "command", "argv": ["true"]}, {"kind": "command", "argv": ["true"], "timeout_s": 600}),
        (
            {"kind": "schema", "json_schema": {"type": "string"}},
            {"kind": "schema", "json_schema": {"type": "object"}},
        ),
    ],
    ids=["its time", "its schema"],
)
def test_a_check_that_differs_in_what_its_words_leave_out_is_another_one(
    orchestrator: Orchestrator, old: dict[str, object], new: dict[str, object]
) -> None:
    command_job(orchestrator.repository)
    orchestrator.edit_recipe("words", checks=[{"kind": "not_empty"}, old])
    recipe = orchestrator.edit_recipe("words", checks=[{"kind": "not_empty"}, new])
    assert recipe.version == 3
    assert new.items() <= recipe.checks[1].items()
    minus, plus = orchestrator.version_diff("words", 2, 3).splitlines()[2:]
    assert minus.startswith('-check: {"') and plus.startswith('+check: {"')
    assert orchestrator.edit_recipe("words", checks=[{"kind": "not_empty"}, new]).version == 3


def test_another_order_of_checks_is_told_too(orchestrator: Orchestrator) -> None:
    command_job(orchestrator.repository)
    checks = [{"kind": "not_empty"}, {"kind": "regex", "pattern": "ok"}]
    orchestrator.edit_recipe("words", checks=checks)
    orchestrator.edit_recipe("words", checks=checks[::-1])
    moved = orchestrator.version_diff("words", 2, 3).splitlines()[2:]
    assert sorted(moved) in (
        ["+check: the output is not empty", "-check: the output is not empty"],
        ["+check: the output matches /ok/", "-check: the output matches /ok/"],
    )


@pytest.mark.parametrize("template", ["Do {n}", "Do {n}\n"])
def test_the_newline_that_ends_a_file_changes_no_prompt(orchestrator: Orchestrator, template: str) -> None:
    command_job(orchestrator.repository, template=template)
    assert orchestrator.set_prompt("words", "Do {n}\n").version == 1
    assert orchestrator.set_prompt("words", "Do {n}").version == 1
    assert orchestrator.set_prompt("words", "Better {n}\n").prompt_template == "Better {n}"


def test_a_prompt_that_differs_in_its_end_alone_differs(orchestrator: Orchestrator) -> None:
    command_job(orchestrator.repository, template="Do {n}")
    orchestrator.set_prompt("words", "Do {n}\n\n")
    assert [line for line in orchestrator.version_diff("words", 1, 2).splitlines()[2:] if line == "+"]


def test_an_option_is_taken_away_again(orchestrator: Orchestrator) -> None:
    command_job(orchestrator.repository)
    orchestrator.edit_recipe("words", worker_options={"stdin": "item"})
    assert orchestrator.edit_recipe("words", worker_options={"stdin": None}).worker_options == CAT


def test_what_can_not_work_is_refused_and_changes_nothing(orchestrator: Orchestrator) -> None:
    job = command_job(orchestrator.repository)
    for changes in (
        {"prompt_template": "Do {m}"},
        {"prompt_template": " "},
        {"worker_options": {"colour": "red"}},
        {"worker_options": {"argv": ["cat", "{m}"]}},
        {"timers": {"lunch": 3}},
        {"checks": [{"kind": "changed"}]},
        {"output_schema": {"type": "nothing"}},
    ):
        with pytest.raises(InvalidInput):
            orchestrator.edit_recipe(job.id, **changes)  # type: ignore[arg-type]
    with pytest.raises(WorkerUnavailable):
        orchestrator.edit_recipe(job.id, checks=[{"kind": "command", "argv": ["no-such-program"]}])
    with pytest.raises(NotFound):
        orchestrator.edit_recipe(job.id, prompt_template="x", based_on=7)
    assert orchestrator.repository.jobs.get(job.id).recipe == job.recipe


def test_the_second_of_two_edits_is_refused_with_what_the_first_has_changed(
    orchestrator: Orchestrator,
) -> None:
    job = command_job(orchestrator.repository)
    orchestrator.edit_recipe(job.id, prompt_template="Theirs {n}", timers={"idle": 9}, based_on=1)
    with pytest.raises(EditConflict, match="version 2 was saved in the meantime") as refused:
        orchestrator.edit_recipe(job.id, prompt_template="Mine {n}", based_on=1)
    assert "-Do {n}" in refused.value.difference
    assert "+Theirs {n}" in refused.value.difference
    assert {"-idle_s: 600.0", "+idle_s: 9.0"} <= {*refused.value.difference}
    assert orchestrator.repository.jobs.get(job.id).prompt_template == "Theirs {n}"


def test_of_two_edits_at_the_same_moment_one_is_refused(orchestrator: Orchestrator) -> None:
    job = command_job(orchestrator.repository)
    at_once, refused = threading.Barrier(2), list[EditConflict]()

    def edit(text: str) -> None:
        at_once.wait()
        try:
            orchestrator.edit_recipe(job.id, prompt_template=text, based_on=1)
        except EditConflict as error:
            refused.append(error)

    threads = [threading.Thread(target=edit, args=(text,)) for text in ("A {n}", "B {n}")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(refused) == 1
    assert len(orchestrator.repository.recipes.all(job.id)) == 2


@pytest.mark.parametrize("status", [JobStatus.RUNNING, None])
def test_the_log_says_from_when_on_it_holds(orchestrator: Orchestrator, status: JobStatus | None) -> None:
    job = command_job(orchestrator.repository, status=status)
    orchestrator.edit_recipe(job.id, prompt_template="x {n}")
    (entry,) = orchestrator.repository.logs.after(job.id)[-1:]
    word = "from the next unit on" if status else "from the next start on"
    assert entry.message.startswith("version 2 was saved: it holds") and word in entry.message


def test_an_ended_job_can_be_edited_for_its_retries(repository: Repository) -> None:
    agent = InProcessWorker()
    job = make_job(repository, 1, status=JobStatus.RUNNING)
    JobExecutor(repository, job.id, agent).run()
    orchestrator = Orchestrator(repository, agent, settings=Settings())
    assert orchestrator.set_prompt(job.id, "Again {n}").version == 2
    orchestrator.retry(job.id, [0])
    JobExecutor(repository, job.id, agent).run()
    assert agent.prompts == ["Do 0", "Again 0"]


def test_an_edit_holds_from_the_next_unit_on(repository: Repository) -> None:
    go_on, begun = threading.Event(), threading.Event()

    def behave(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        begun.set()
        assert go_on.wait(20)
        return answer(task, sink, cancel)

    agent = InProcessWorker(behave)
    job = make_job(repository, 6, status=JobStatus.RUNNING, desired_workers=2)
    thread, _, ended = run_in_thread(repository, job.id, agent)
    wait_until(lambda: len(agent.prompts) == 2)
    Orchestrator(repository, agent, settings=Settings()).edit_recipe(job.id, prompt_template="Better {n}")
    wait_until(lambda: "used from here on" in repository.logs.after(job.id)[-1].message)
    go_on.set()
    thread.join(20)
    assert ended == [JobStatus.COMPLETED]
    assert sorted(agent.prompts) == ["Better 2", "Better 3", "Better 4", "Better 5", "Do 0", "Do 1"]
    versions = [repository.attempts.of_unit(job.id, seq)[0].recipe_version for seq in range(6)]
    assert versions == [1, 1, 2, 2, 2, 2]


def test_options_and_checks_are_taken_up_while_it_runs(repository: Repository, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    wait = f"import os, time, sys\nwhile not os.path.exists({str(gate)!r}): time.sleep(0.01)\nprint('old')"
    options = {"argv": [sys.executable, "-c", wait]}
    job = make_job(
        repository, 3, status=JobStatus.RUNNING, worker="command", worker_options=options, desired_workers=1
    )
    ended: list[JobStatus] = []
    executor = JobExecutor(repository, job.id)
    thread = threading.Thread(target=lambda: ended.append(executor.run()))
    thread.start()
    wait_until(lambda: repository.jobs.get(job.id).counters.processing == 1)
    Orchestrator(repository, settings=Settings()).edit_recipe(
        job.id, worker_options={"argv": ["echo", "new"]}, checks=[{"kind": "regex", "pattern": "other"}]
    )
    wait_until(lambda: "used from here on" in repository.logs.after(job.id)[-1].message)
    gate.touch()
    thread.join(20)
    assert ended == [JobStatus.COMPLETED]
    outputs = [(u.output, u.verdict) for u in repository.units.page(job.id)]
    assert outputs == [("old\n", "ok"), ("new\n", "suspect"), ("new\n", "suspect")]
