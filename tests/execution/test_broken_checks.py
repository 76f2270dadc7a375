"""A check that we end before it came to anything judges nothing: the answer is kept, its check runs again."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from abp_tui.domain.model import Outcome, Usage
from abp_tui.domain.status import AttemptStatus, Desired, JobStatus, UnitStatus, Verdict
from abp_tui.execution.executor import JobExecutor
from abp_tui.orchestrator import Orchestrator
from abp_tui.settings import Settings
from abp_tui.store.repository import Repository
from abp_tui.workers.base import Sink, Task
from abp_tui.workers.cancel import Cancel
from tests.execution.test_executor import run_in_thread
from tests.factories import InProcessWorker, assert_counters_match, make_job
from tests.waiting import wait_until

LONG = "An answer that is longer than what an attempt keeps of it. " * 6000
SLOW = """
import os, sys, time
from pathlib import Path
if not Path("go").exists():
    Path("pid.tmp").write_text(str(os.getpid()))
    os.replace("pid.tmp", "pid")
    time.sleep(60)
sys.exit(sys.stdin.read() != Path("answer").read_text())
"""


def slow_check(folder: Path) -> dict[str, Any]:
    """A check that takes its time until there is a file `go`; then it wants the whole answer."""
    (folder / "answer").write_text(LONG)
    return {"kind": "command", "argv": [sys.executable, "-c", SLOW]}


def answers(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
    sink.session("s1")
    return Outcome(ok=True, output=LONG, result={"n": 1}, usage=Usage(cost_usd=0.03), session_id="s1")


class Checked:
    """A job of one unit, whose check is at work now."""

    def __init__(self, repository: Repository, folder: Path, *checks: dict[str, Any], **more: Any) -> None:
        self.repository, self.folder = repository, folder
        self.agent = InProcessWorker(more.pop("behave", answers))
        listed = [slow_check(folder), *checks]  # programs run last all the same
        self.job = make_job(repository, 1, status=JobStatus.RUNNING, cwd=folder, checks=listed, **more)
        self.thread: threading.Thread
        self.thread, self.executor, _ = run_in_thread(repository, self.job.id, self.agent)
        wait_until((folder / "pid").exists)

    def ended(self) -> None:
        self.thread.join(30)
        assert not self.thread.is_alive()
        assert_counters_match(self.repository, self.job.id)

    def go_on(self) -> None:
        (self.folder / "go").touch()
        Orchestrator(self.repository, self.agent, settings=Settings()).resume(self.job.id)
        JobExecutor(self.repository, self.job.id, self.agent).run()
        assert_counters_match(self.repository, self.job.id)

    @property
    def unit(self) -> Any:
        return self.repository.units.get(self.job.id, 0)


def assert_judged_once_more_and_paid_once(checked: Checked) -> None:
    unit = checked.unit
    assert (unit.status, unit.verdict, unit.error) == (UnitStatus.COMPLETED, Verdict.OK, None)
    assert (unit.output, unit.result, unit.session_id) == (LONG, {"n": 1}, "s1")
    assert unit.cost_usd == pytest.approx(0.03)
    assert len(checked.agent.prompts) == 1
    statuses = [attempt.status for attempt in checked.repository.attempts.of_unit(checked.job.id, 0)]
    assert statuses == [AttemptStatus.INTERRUPTED, AttemptStatus.COMPLETED]


def test_a_stopped_job_runs_the_check_again_and_not_the_agent(repository: Repository, tmp_path: Path) -> None:
    checked = Checked(repository, tmp_path)
    repository.jobs.ask(checked.job.id, desired=Desired.STOP)
    checked.ended()
    unit = checked.unit
    assert (unit.status, unit.verdict, unit.failures) == (UnitStatus.PENDING, None, 0)
    assert (unit.error or "").startswith("its checks were broken off: ")
    assert repository.jobs.get(checked.job.id).counters.suspect == 0
    checked.go_on()
    assert_judged_once_more_and_paid_once(checked)
    last = repository.attempts.of_unit(checked.job.id, 0)[-1]
    assert "only its checks run again" in repository.attempts.events(last.id)[0].body


def test_also_where_it_is_broken_off_twice(repository: Repository, tmp_path: Path) -> None:
    checked = Checked(repository, tmp_path)
    checked.executor.stop()
    checked.ended()
    (tmp_path / "pid").unlink()
    Orchestrator(repository, checked.agent, settings=Settings()).resume(checked.job.id)
    checked.thread, checked.executor, _ = run_in_thread(repository, checked.job.id, checked.agent)
    wait_until((tmp_path / "pid").exists)
    checked.executor.stop()
    checked.ended()
    checked.go_on()
    assert checked.unit.verdict is Verdict.OK
    assert (len(checked.agent.prompts), checked.unit.cost_usd) == (1, pytest.approx(0.03))


def test_a_check_that_a_shutdown_ends_together_with_us_judges_nothing(
    repository: Repository, tmp_path: Path
) -> None:
    checked = Checked(repository, tmp_path)
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGTERM)
    checked.executor.stop()
    checked.ended()
    assert checked.unit.status is UnitStatus.PENDING
    checked.go_on()
    assert_judged_once_more_and_paid_once(checked)


def test_a_paused_job_lets_the_check_come_to_its_end(repository: Repository, tmp_path: Path) -> None:
    checked = Checked(repository, tmp_path, {"kind": "command", "argv": ["true"]})
    repository.jobs.ask(checked.job.id, desired=Desired.PAUSE)
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)  # from outside: its own end, and no good one
    checked.ended()
    assert checked.unit.verdict is Verdict.SUSPECT
    assert "killed by SIGKILL" in (checked.unit.error or "")


def test_what_another_check_has_found_already_stands(repository: Repository, tmp_path: Path) -> None:
    checked = Checked(repository, tmp_path, {"kind": "regex", "pattern": "^Verdict"})
    checked.executor.stop()
    checked.ended()
    assert checked.unit.verdict is Verdict.SUSPECT
    assert checked.unit.error == "check failed: the output does not match /^Verdict/"


@pytest.mark.parametrize("write", [True, False])
def test_whether_its_file_was_changed_is_known_before_the_programs_run(
    repository: Repository, tmp_path: Path, write: bool
) -> None:
    file = tmp_path / "a.txt"
    file.write_text("old")

    def behave(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        file.write_text("new" if write else "old")
        return answers(task, sink, cancel)

    checked = Checked(
        *(repository, tmp_path, {"kind": "changed"}),
        behave=behave,
        payloads=[{"n": 0, "file_path": str(file)}],
    )
    checked.executor.stop()
    checked.ended()
    if write:
        checked.go_on()
    assert checked.unit.verdict is (Verdict.OK if write else Verdict.SUSPECT)
    assert len(checked.agent.prompts) == 1


def test_a_cost_that_is_not_known_stays_so(repository: Repository, tmp_path: Path) -> None:
    def behave(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        return Outcome(ok=True, output=LONG)

    checked = Checked(repository, tmp_path, behave=behave)
    checked.executor.stop()
    checked.ended()
    checked.go_on()
    assert (checked.unit.verdict, checked.unit.cost_usd) == (Verdict.OK, None)


def test_an_edit_in_between_begins_anew(repository: Repository, tmp_path: Path) -> None:
    checked = Checked(repository, tmp_path)
    checked.executor.stop()
    checked.ended()
    repository.recipes.add(repository.jobs.get(checked.job.id).recipe, prompt_template="Do better {n}")
    checked.go_on()
    assert checked.agent.prompts == ["Do 0", "Do better 0"]
    assert checked.unit.cost_usd == pytest.approx(0.06)


def test_a_unit_that_a_person_ends_during_its_check_has_failed(
    repository: Repository, tmp_path: Path
) -> None:
    checked = Checked(repository, tmp_path)
    assert repository.units.ask_end(checked.job.id, 0)
    checked.ended()
    assert (checked.unit.status, checked.unit.failure_kind) == (UnitStatus.FAILED, "interrupted")
    assert checked.unit.cost_usd == pytest.approx(0.03)
