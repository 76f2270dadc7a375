"""Answers that miss the schema: sent back within their attempt, twice, and bad output then."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from abp_tui.domain.failure import FailureKind
from abp_tui.domain.model import Denial, EventKind, Job, Outcome, Timers, Usage, WorkUnit
from abp_tui.domain.status import JobStatus, UnitStatus
from abp_tui.execution import corrections
from abp_tui.execution.executor import JobExecutor
from abp_tui.orchestrator import Orchestrator
from abp_tui.store.repository import Repository
from abp_tui.workers.base import Sink, Task
from abp_tui.workers.cancel import Cancel
from tests.factories import InProcessWorker, assert_counters_match, make_job

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
GOOD, BAD, NONE = '{"n": 1}', '{"n": "one"}', "one"


class Scripted(InProcessWorker):
    """Gives these outcomes one after the other, and remembers its tasks."""

    def __init__(self, *outcomes: Outcome | str, resumes: bool = False, takes_schema: bool = False) -> None:
        super().__init__(self._next)
        self.resumes = resumes  # type: ignore[misc]
        self._takes_schema = takes_schema
        self._outcomes: Iterator[Outcome | str] = iter(outcomes)
        self.tasks: list[Task] = []

    def takes_schema(self, schema: Mapping[str, Any]) -> bool:
        return self._takes_schema

    def _next(self, task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        self.tasks.append(task)
        outcome = next(self._outcomes)
        return said(outcome) if isinstance(outcome, str) else outcome


def said(output: str, **more: Any) -> Outcome:
    return Outcome(
        ok=True, output=output, session_id="s", usage=Usage(cost_usd=0.5, turns=1, input_tokens=7), **more
    )


def job_with_schema(repository: Repository, **more: Any) -> Job:
    job = make_job(repository, 1, status=JobStatus.RUNNING, **more)
    repository.recipes.add(job.recipe, output_schema=SCHEMA)
    return job


def run(repository: Repository, worker: InProcessWorker, **more: Any) -> WorkUnit:
    job = job_with_schema(repository, **more)
    JobExecutor(repository, job.id, worker).run()
    assert_counters_match(repository, job.id)
    return repository.units.get(job.id, 0)


@pytest.mark.parametrize("answer", [GOOD, f"So:\n```json\n{GOOD}\n```"])
def test_the_json_in_an_answer_is_its_result(repository: Repository, answer: str) -> None:
    worker = Scripted(answer)
    unit = run(repository, worker)
    assert (unit.status, unit.result, unit.output) == (UnitStatus.COMPLETED, {"n": 1}, answer)
    assert len(worker.tasks) == 1


def test_a_result_that_the_worker_gives_is_judged_itself(repository: Repository) -> None:
    worker = Scripted(said("see there", result={"n": "x"}), said("see there", result={"n": 2}))
    assert run(repository, worker).result == {"n": 2}
    assert "$.n: 'x' is not of type 'integer'" in worker.tasks[1].prompt


def test_the_schema_is_in_the_prompt_unless_the_worker_tells_of_it(repository: Repository) -> None:
    telling, silent = Scripted(GOOD), Scripted(GOOD, takes_schema=True)
    run(repository, telling)
    assert telling.tasks[0].prompt.startswith("Do 0\n\nAnswer with one JSON value")
    assert json.dumps(SCHEMA) in telling.tasks[0].prompt
    assert repository.attempts.of_unit(1, 0)[0].prompt == telling.tasks[0].prompt
    run(repository, silent, name="other")
    assert (silent.tasks[0].prompt, silent.tasks[0].output_schema) == ("Do 0", SCHEMA)


def test_a_miss_goes_on_in_its_session_with_what_is_wrong(repository: Repository) -> None:
    worker = Scripted(BAD, NONE, GOOD, resumes=True)
    unit = run(repository, worker)
    assert (unit.status, unit.result, unit.failures) == (UnitStatus.COMPLETED, {"n": 1}, 0)
    first, second, third = worker.tasks
    assert (first.session_id, second.session_id, third.session_id) == (None, "s", "s")
    assert "$.n: 'one' is not of type 'integer'" in second.words
    assert "Do 0" not in second.words
    assert "the answer is no JSON" in third.words
    assert second.prompt.startswith("Do 0"), "all of it, where the session turns out to be gone"


def test_without_sessions_the_whole_prompt_is_sent_with_the_answer_that_missed(
    repository: Repository,
) -> None:
    worker = Scripted(BAD, GOOD)
    run(repository, worker)
    again = worker.tasks[1]
    assert again.session_id is None
    assert again.words.startswith(worker.tasks[0].prompt)
    assert BAD in again.words and "$.n: 'one' is not of type 'integer'" in again.words


def test_all_of_it_is_one_attempt_that_costs_the_sum(repository: Repository) -> None:
    unit = run(repository, Scripted(BAD, GOOD))
    (attempt,) = repository.attempts.of_unit(unit.job_id, 0)
    assert attempt.usage == Usage(cost_usd=1.0, turns=2, input_tokens=14)
    assert (unit.attempts, unit.cost_usd) == (1, 1.0)
    assert repository.jobs.get(unit.job_id).cost_usd == 1.0
    prompts = [e for e in repository.attempts.events(attempt.id) if e.kind is EventKind.PROMPT]
    assert len(prompts) == 2


def test_a_cost_that_one_run_does_not_tell_is_unknown(repository: Repository) -> None:
    unit = run(repository, Scripted(Outcome(ok=True, output=BAD), GOOD))
    assert unit.cost_usd is None
    assert repository.jobs.get(unit.job_id).cost_is_floor


def test_after_two_corrections_it_is_bad_output_and_no_retry_is_spent(repository: Repository) -> None:
    worker = Scripted(BAD, NONE, BAD)
    unit = run(repository, worker, max_retries=5)
    assert (unit.status, unit.failure_kind, unit.attempts) == (UnitStatus.FAILED, "bad_output", 1)
    assert unit.error == "the answer does not fit the schema: $.n: 'one' is not of type 'integer'"
    assert (unit.output, unit.result, unit.cost_usd) == (BAD, None, 1.5)


def test_a_worker_that_says_itself_that_the_output_is_bad_gets_another_chance(repository: Repository) -> None:
    worker = Scripted(Outcome.failed(FailureKind.BAD_OUTPUT, "no structured output"), GOOD)
    assert run(repository, worker).result == {"n": 1}
    assert "no structured output" in worker.tasks[1].words


def test_another_failure_ends_the_corrections_and_counts_as_itself(repository: Repository) -> None:
    broken = Outcome.failed(FailureKind.TRANSIENT, "dropped", usage=Usage(cost_usd=0.25))
    unit = run(repository, Scripted(BAD, broken, GOOD), max_retries=1)
    assert (unit.status, unit.attempts) == (UnitStatus.COMPLETED, 2)
    costs = [a.usage.cost_usd for a in repository.attempts.of_unit(unit.job_id, 0)]
    assert costs == [0.75, 0.5]


def test_what_was_denied_in_an_earlier_run_is_not_forgotten(repository: Repository) -> None:
    denied = said(BAD, denials=(Denial(tool="Write"),))
    unit = run(repository, Scripted(denied, GOOD))
    assert (unit.verdict, unit.result) == ("blocked", {"n": 1})


def test_a_stop_ends_the_corrections(repository: Repository) -> None:
    job = job_with_schema(repository)

    def stop_then_miss(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        executor.stop()
        assert cancel.reason or select_on(cancel)
        return said(BAD)

    worker = InProcessWorker(stop_then_miss)
    executor = JobExecutor(repository, job.id, worker)
    assert executor.run() is JobStatus.PAUSED
    assert len(worker.prompts) == 1
    assert repository.units.get(job.id, 0).status is UnitStatus.PENDING


def select_on(cancel: Cancel) -> bool:
    import select

    return bool(select.select([cancel.fileno()], [], [], 20)[0])


def test_all_runs_share_the_total_timer() -> None:
    seen: list[float] = []

    def run(task: Task) -> Outcome:
        seen.append(task.timers.total_s)
        time.sleep(0.05)
        return said(BAD)

    task = Task(prompt="p", payload={}, cwd="/", timers=Timers(total_s=0.08))
    schema = corrections.Schema(SCHEMA)
    outcome = corrections.run_to_schema(task, schema, run, _Silent(), resumes=False)
    assert outcome.failure is FailureKind.BAD_OUTPUT
    assert len(seen) == 2 and seen[1] <= 0.03
    seen.clear()
    unlimited = Task(prompt="p", payload={}, cwd="/", timers=Timers(total_s=0))
    corrections.run_to_schema(unlimited, schema, run, _Silent(), resumes=False)
    assert seen == [0, 0, 0]


class _Silent:
    def event(self, event: Any) -> None: ...
    def batch(self, events: Any) -> None: ...
    def session(self, session_id: str) -> None: ...
    def process(self, pid: int) -> None: ...


def test_a_test_is_corrected_as_the_batch_is(repository: Repository) -> None:
    job = make_job(repository, 1)
    repository.recipes.add(job.recipe, output_schema=SCHEMA)
    JobExecutor(repository, job.id, Scripted(BAD, GOOD)).run_test(0)
    assert repository.units.get(job.id, 0).result == {"n": 1}


def test_the_synthesis_step_has_no_schema(repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "a.txt").touch()
    worker = Scripted(GOOD, "An overview.")
    orchestrator = Orchestrator(repository, worker=worker)
    source = {"base_directory": str(tmp_path), "pattern": "a.txt"}
    job = orchestrator.create_job(
        "a", "Do it", "file", source, output_schema=SCHEMA, post_processing_prompt="Sum up"
    )
    orchestrator.skip_test(job.id)
    assert JobExecutor(repository, job.id, worker).run() is JobStatus.COMPLETED
    item, synthesis = worker.tasks
    assert json.dumps(SCHEMA) in item.prompt
    assert json.dumps(SCHEMA) not in synthesis.prompt
    assert (item.output_schema, synthesis.output_schema) == (SCHEMA, None)


def test_a_program_of_any_kind_is_held_to_the_schema(repository: Repository, tmp_path: Path) -> None:
    code = (
        "import pathlib, sys\n"
        "prompt = sys.stdin.read()\n"
        "with open('prompts', 'a') as file: file.write(prompt + '\\0')\n"
        "print('{\"n\": 4}' if 'no JSON' in prompt else 'four')\n"
    )
    job = make_job(
        repository,
        1,
        status=JobStatus.RUNNING,
        worker="command",
        worker_options={"argv": [sys.executable, "-c", code]},
        cwd=tmp_path,
    )
    repository.recipes.add(job.recipe, output_schema=SCHEMA)
    assert JobExecutor(repository, job.id).run() is JobStatus.COMPLETED
    assert repository.units.get(job.id, 0).result == {"n": 4}
    first, second, _ = (tmp_path / "prompts").read_text().split("\0")
    assert json.dumps(SCHEMA) in first
    assert second.startswith(first) and "four" in second
