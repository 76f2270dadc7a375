"""What one way does is nothing to the others."""

from __future__ import annotations

import logging
from collections.abc import Callable
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import pytest

from abp_tui.domain.status import JobStatus, Occasion
from abp_tui.errors import StoreUnavailable
from abp_tui.execution.executor import JobExecutor
from abp_tui.notify import Notice, watch
from abp_tui.notify.channels import Command
from abp_tui.notify.herald import NOT_OURS
from abp_tui.notify.watch import play_herald, send
from abp_tui.settings import NotifySettings
from abp_tui.store.repository import Repository
from tests.factories import InProcessWorker, make_job
from tests.notify.test_channels import Server, make_notice


def test_a_way_that_breaks_keeps_no_other_from_telling(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: Command, notice: Notice) -> None:
        raise RuntimeError(notice.text)

    server = Server()
    server.answer(lambda c: c.sendall(b"HTTP/1.1 204 No Content\r\n\r\n"))
    monkeypatch.setattr(Command, "send", broken)
    settings = NotifySettings.model_validate({"command": ("true",), "webhook": server.url})
    with caplog.at_level(logging.ERROR):
        outcomes = {channel.name: error for channel, error in send(settings, make_notice("T0K3N"), "/")}
    server.close()
    assert "command: RuntimeError" in str(outcomes["command"])
    assert outcomes["webhook"] is None
    assert "in broken" in caplog.text and "T0K3N" not in caplog.text


class Outage:
    """Fails the first calls of something in the store, as a disk does that is full for a while."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, where: object, name: str, times: int) -> None:
        self.calls, self._times = 0, times
        self._real = getattr(where, name)
        monkeypatch.setattr(where, name, self)

    def __call__(self, *given: Any, **more: Any) -> Any:
        self.calls += 1
        if self.calls <= self._times:
            raise StoreUnavailable("database: database or disk is full")
        return self._real(*given, **more)


@pytest.fixture
def herald(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    """Plays the herald of a job that completes meanwhile, with a way that breaks; returns the job's log."""
    monkeypatch.setattr(watch, "PAUSE_S", 0.0)
    monkeypatch.setattr(watch, "Repository", lambda _: repository)
    job = make_job(repository, 1, status=JobStatus.RUNNING)
    settings = NotifySettings.model_validate({"command": ("false",)})
    steps = iter([None, lambda: JobExecutor(repository, job.id, InProcessWorker()).run(), None, None])

    def hear() -> bytes | None:
        for step in steps:
            if step is not None:
                step()
            return None
        return b""

    def play() -> str:
        play_herald(str(repository.path), job.id, settings, hear)
        return "\n".join(entry.message for entry in repository.logs.after(job.id))

    return play


@pytest.mark.parametrize("times", [1, 3, 8])
def test_a_store_that_can_not_be_written_delays_what_is_said(
    herald: Callable[[], str], repository: Repository, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    outage = Outage(monkeypatch, repository.logs, "add", times)
    assert herald().count("not notified by command false: exit code 1") == 1
    assert outage.calls == times + 1


@pytest.mark.parametrize("times", [1, 3, 8])
def test_a_store_that_can_not_be_read_delays_the_look(
    herald: Callable[[], str], repository: Repository, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    Outage(monkeypatch, repository.jobs, "get", times)
    Outage(monkeypatch, repository.database, "data_version", times)
    assert herald().count("not notified by command false: exit code 1") == 1


def test_what_could_not_be_said_is_said_while_the_job_still_runs(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    occasions = chain([None], repeat(Occasion.LIMIT))
    monkeypatch.setattr(watch, "occasion_of", lambda view: next(occasions))
    job = make_job(repository, 1, status=JobStatus.RUNNING)
    outage = Outage(monkeypatch, repository.logs, "add", 2)
    monkeypatch.setattr(watch, "Repository", lambda _: repository)
    heard = 0

    def hear() -> bytes | None:
        nonlocal heard
        heard += 1
        return NOT_OURS if outage.calls == 3 or heard > 20 else None

    play_herald(str(repository.path), job.id, NotifySettings.model_validate({"command": ("false",)}), hear)
    assert heard <= 20
    (entry,) = repository.logs.after(job.id)
    assert entry.message.startswith("not notified by command false")


def test_it_does_not_wait_for_ever(
    herald: Callable[[], str], repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "PATIENCE_S", 0.0)
    Outage(monkeypatch, repository.jobs, "get", 1_000_000)
    with pytest.raises(StoreUnavailable):
        herald()
