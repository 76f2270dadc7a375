"""Driving the app in tests: a real repository, the real app, keys, and what is on the screen as text."""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from abp_tui.domain.model import Job
from abp_tui.execution.executor import JobExecutor
from abp_tui.orchestrator import Orchestrator
from abp_tui.settings import Settings
from abp_tui.tui.app import AbpApp
from tests.factories import Behaviour, InProcessWorker, make_repository

NARROW, SMALL, LARGE = (60, 24), (80, 24), (140, 40)
_NARROW, _LARGE = (pytest.param(size, marks=pytest.mark.slow) for size in (NARROW, LARGE))
BOTH = pytest.mark.parametrize("size", [SMALL, _LARGE])
ALL = pytest.mark.parametrize("size", [_NARROW, SMALL, _LARGE])


class InProcess(Orchestrator):
    """Does on threads of this process what else detached processes do."""

    def __init__(self, folder: Path, behaviour: Behaviour | None = None) -> None:
        self.agent = InProcessWorker(behaviour)
        super().__init__(make_repository(folder), self.agent, settings=Settings())
        self.threads: list[threading.Thread] = []

    def launch_test(self, job_id: int | str, seq: int | None = None) -> Job:
        job, seq = self._prepare_test(job_id, seq)
        executor = JobExecutor(self.repository, job.id, self.agent)
        self._start(lambda: executor.run_test(seq))
        wait_for(lambda: self.repository.jobs.get(job.id).status != job.status)
        return self.repository.jobs.get(job.id)

    def launch_pilot(
        self,
        job_id: int | str,
        count: int | None = None,
        by: str | None = None,
        seed: int | None = None,
        *,
        whole: bool = False,
    ) -> Job:
        job, drawn = self._prepare_pilot(job_id, count, by, seed, whole)
        executor = JobExecutor(self.repository, job.id, self.agent)
        self._start(lambda: executor.run_pilot(drawn.id))
        wait_for(lambda: self.repository.jobs.get(job.id).pilot_id == drawn.id)
        return self.repository.jobs.get(job.id)

    def _launch(self, job: Job, *, force: bool = False, only: int | None = None) -> Job:
        executor = JobExecutor(self.repository, job.id, self.agent)
        self._start(lambda: executor.run(only=only))
        return job

    def _start(self, call: Callable[[], object]) -> None:
        thread = threading.Thread(target=call, daemon=True)
        thread.start()
        self.threads.append(thread)

    def settle(self) -> None:
        """Wait for all that was started."""
        for thread in self.threads:
            thread.join(20)
            assert not thread.is_alive()


def hold(orchestrator: InProcess, verb: str) -> threading.Event:
    """Have a verb wait until this is set."""
    go_on, call = threading.Event(), getattr(orchestrator, verb)

    def held(*arguments: Any, **options: Any) -> Any:
        go_on.wait(20)
        return call(*arguments, **options)

    setattr(orchestrator, verb, held)
    return go_on


def wait_for(done: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def app_of(orchestrator: Orchestrator, job: str | None = None, **options: Any) -> AbpApp:
    """The app over these verbs."""
    return AbpApp(orchestrator.repository, lambda: orchestrator, job, **options)


@asynccontextmanager
async def running(
    orchestrator: Orchestrator, size: tuple[int, int] = LARGE, job: str | None = None
) -> AsyncIterator[Pilot[None]]:
    """The app at work, its first snapshot shown."""
    app = app_of(orchestrator, job)
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: app.snapshot is not None)
        yield pilot


async def until(pilot: Pilot[Any], done: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for a condition; fails with what is on the screen."""
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, "not in time; the screen shows:\n" + shown(pilot)
        await pilot.pause(0.02)


async def until_shown(pilot: Pilot[Any], *texts: str) -> None:
    """Wait until all these texts are on the screen."""
    await until(pilot, lambda: all(text in shown(pilot) for text in texts))


def lines(pilot: Pilot[Any]) -> list[str]:
    """The lines on the screen, dialogs and toasts included."""
    return [strip.text for strip in pilot.app.screen._compositor.render_strips()]


def shown(pilot: Pilot[Any]) -> str:
    return "\n".join(lines(pilot))
