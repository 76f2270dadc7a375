"""A node's process behind its relay, asked as a Dask worker would be, without Dask."""

from __future__ import annotations

import asyncio
import os
import signal
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from abp_tui.domain.model import Job, Placement
from abp_tui.domain.status import Purpose
from abp_tui.execution.engines import dask_relay
from abp_tui.execution.engines.dask_relay import Heard, Opened, Ticket
from abp_tui.execution.engines.wire import End, News, Opening, Parcel, Ready, packed, unpacked
from abp_tui.execution.watchdog import MARK as EXECUTOR_MARK
from abp_tui.store.claims import Claim
from abp_tui.store.repository import Repository
from tests.factories import make_job
from tests.processes import gone, marked_processes

GiB = 1024**3
PATIENCE_S = 20.0


def dask_worker(memory: int | None = 8 * GiB, threads: int = 2, **resources: float) -> Any:
    state = SimpleNamespace(total_resources=resources, nthreads=threads)
    return SimpleNamespace(state=state, memory_manager=SimpleNamespace(memory_limit=memory))


@pytest.fixture(autouse=True)
async def sessions() -> AsyncIterator[None]:
    yield
    for session in list(dask_relay._relays):
        await dask_relay.close_session(session)


def job_of(repository: Repository, script: str, **options: Any) -> Job:
    argv = {"argv": ["sh", "-c", script]}
    return make_job(repository, 1, worker="command", worker_options={**argv, **options})


def ticket(repository: Repository, job: Job, *, lease_s: float = 60.0, **variables: str) -> Ticket:
    opening = Opening(job, repository.uuid, 0, lease_s)
    return Ticket(uuid.uuid4().hex, f"{repository.uuid}:{job.id}", variables, 1000, opening)


async def opened(ticket: Ticket) -> Opened:
    answer = await asyncio.wait_for(dask_relay.open_session(ticket, dask_worker()), PATIENCE_S)
    assert answer is not None
    return answer


def claim(number: int = 1) -> Claim:
    return Claim(number, 0, 1, 0, Purpose.RUN, {"n": 0}, "Do it", 0.0)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.02)


class Ear:
    """Listens to a session as an executor does, acknowledging what it has heard."""

    def __init__(self, session: str) -> None:
        self.session = session
        self.heard = 0
        self.beat = 0
        self.news: list[News] = []

    async def listen(self, wait_s: float = 0.2) -> Heard:
        heard = await dask_relay.hear(self.session, self.heard, self.beat, 1, wait_s)
        assert heard is not None
        self.beat = heard.beat
        for number, body in enumerate(heard.bodies, heard.first):
            if number > self.heard:
                self.heard = number
                self.news.append(unpacked(body))
        return heard

    async def until_over(self) -> News:
        async with asyncio.timeout(PATIENCE_S):
            while not any(news.over for news in self.news):
                await self.listen()
        return next(news for news in self.news if news.over)


async def test_a_unit_runs_and_its_news_come_until_they_are_acknowledged(repository: Repository) -> None:
    asked = ticket(repository, job_of(repository, "echo $COLOUR"), COLOUR="red")
    answer = await opened(asked)
    assert isinstance(answer.answer, Ready)
    assert await dask_relay.tell(asked.session, 1, packed(Parcel(claim())))
    ear = Ear(asked.session)
    (over,) = (await ear.until_over()).over
    assert over.ended.outcome.output.strip() == "red"
    again = await ear.listen(0.01)
    assert again.first == ear.heard + 1 and not again.bodies


async def test_what_was_not_acknowledged_is_said_again(repository: Repository) -> None:
    asked = ticket(repository, job_of(repository, "echo once"))
    await opened(asked)
    await dask_relay.tell(asked.session, 1, packed(Parcel(claim())))
    first = await dask_relay.hear(asked.session, 0, 0, 1, PATIENCE_S)
    second = await dask_relay.hear(asked.session, 0, 0, 1, PATIENCE_S)
    assert first is not None and second is not None
    assert second.bodies[: len(first.bodies)] == first.bodies
    assert (first.first, second.first) == (1, 1)


async def test_what_is_told_twice_is_done_once(repository: Repository, tmp_path: Path) -> None:
    effects = tmp_path / "effects"
    asked = ticket(repository, job_of(repository, f"echo ran >> {effects}"))
    await opened(asked)
    for _ in range(2):
        await dask_relay.tell(asked.session, 1, packed(Parcel(claim(1))))
    await dask_relay.tell(asked.session, 2, packed(Parcel(claim(2))))
    ear = Ear(asked.session)
    async with asyncio.timeout(PATIENCE_S):
        while {over.attempt_id for news in ear.news for over in news.over} != {1, 2}:
            await ear.listen()
    assert effects.read_text() == "ran\nran\n"


async def test_without_a_beat_the_agents_end_and_the_session_is_gone(repository: Repository) -> None:
    asked = ticket(repository, job_of(repository, "sleep 60"), lease_s=1.0)
    await opened(asked)
    await dask_relay.tell(asked.session, 1, packed(Parcel(claim())))
    await until(lambda: marked_processes(repository.uuid))
    ear = Ear(asked.session)
    await until(lambda: not marked_processes(repository.uuid))
    async with asyncio.timeout(PATIENCE_S):
        while not (await ear.listen()).gone:
            pass


async def test_an_answer_that_never_arrives_is_no_beat(repository: Repository) -> None:
    """Who asks and does not hear the answers counts as gone: its agents could be run elsewhere by now."""
    asked = ticket(repository, job_of(repository, "sleep 60"), lease_s=1.0)
    await opened(asked)
    await dask_relay.tell(asked.session, 1, packed(Parcel(claim())))
    await until(lambda: marked_processes(repository.uuid))
    async with asyncio.timeout(PATIENCE_S):
        while marked_processes(repository.uuid):
            await dask_relay.hear(asked.session, 0, 0, 1, 0.05)


@pytest.mark.slow
async def test_heard_of_again_and_again_the_agents_live(repository: Repository, tmp_path: Path) -> None:
    asked = ticket(repository, job_of(repository, "sleep 3; echo slept"), lease_s=1.0)
    await opened(asked)
    await dask_relay.tell(asked.session, 1, packed(Parcel(claim())))
    (over,) = (await Ear(asked.session).until_over()).over
    assert over.ended.outcome.output.strip() == "slept"


async def test_a_second_session_of_a_job_ends_the_first_before_it_begins(repository: Repository) -> None:
    job = job_of(repository, "sleep 60")
    first, second = ticket(repository, job), ticket(repository, job)
    await opened(first)
    await dask_relay.tell(first.session, 1, packed(Parcel(claim())))
    await until(lambda: marked_processes(repository.uuid))
    (agent, *_) = marked_processes(repository.uuid)
    await opened(second)
    assert gone(agent)
    assert not await dask_relay.tell(first.session, 2, b"")


async def test_sessions_of_other_jobs_go_on_and_are_counted(repository: Repository) -> None:
    job = job_of(repository, "sleep 60")
    first, second = ticket(repository, job), replace(ticket(repository, job), job="another")
    await opened(first)
    await opened(second)
    await dask_relay.hear(first.session, 0, 0, 5, 0.01)
    heard = await dask_relay.hear(second.session, 0, 0, 2, 0.01)
    assert heard is not None and heard.others == 5


async def test_one_agent_is_ended_for_good(repository: Repository) -> None:
    asked = ticket(repository, job_of(repository, "sleep 60"))
    await opened(asked)
    await dask_relay.tell(asked.session, 1, packed(Parcel(claim())))
    await until(lambda: marked_processes(repository.uuid))
    await dask_relay.tell(asked.session, 2, packed(End(1, "enough")))
    (over,) = (await Ear(asked.session).until_over()).over
    assert (over.ended.for_good, over.ended.outcome.error) == (True, "enough")


@pytest.mark.parametrize("name", ["INT", "HUP"])
async def test_agents_can_be_ended_by_any_signal(repository: Repository, name: str) -> None:
    asked = ticket(repository, job_of(repository, f"kill -{name} $$; echo deaf"))
    await opened(asked)
    await dask_relay.tell(asked.session, 1, packed(Parcel(claim())))
    (over,) = (await Ear(asked.session).until_over()).over
    assert not over.ended.outcome.ok
    assert "deaf" not in (over.ended.outcome.output or "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
async def test_a_closed_terminal_is_nothing_to_the_node(repository: Repository, number: int) -> None:
    asked = ticket(repository, job_of(repository, "echo on"))
    await opened(asked)
    dask_relay._relays[asked.session]._process.send_signal(number)
    await dask_relay.tell(asked.session, 1, packed(Parcel(claim())))
    (over,) = (await Ear(asked.session).until_over()).over
    assert over.ended.outcome.output.strip() == "on"


async def test_what_an_agent_leaves_behind_ends_before_its_end_is_told(
    repository: Repository, tmp_path: Path
) -> None:
    left = tmp_path / "left"
    asked = ticket(repository, job_of(repository, f"setsid sleep 60 & echo $! > {left}"))
    await opened(asked)
    await dask_relay.tell(asked.session, 1, packed(Parcel(claim())))
    await Ear(asked.session).until_over()
    assert gone(int(left.read_text()))


async def test_a_node_refuses_in_words(repository: Repository) -> None:
    job = job_of(repository, "true").model_copy(update={"cwd": "/not/there"})
    answer = await opened(ticket(repository, job))
    assert "/not/there is not there" in answer.answer.message
    ships = Placement(engine="dask", ship_files_mb=1)
    answer = await opened(ticket(repository, job.model_copy(update={"placement": ships})))
    assert isinstance(answer.answer, Ready)


async def test_a_node_is_no_agent_of_the_executor_that_its_worker_belongs_to(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose watchdog would end it together with its own watchdog, before that has ended the agents."""
    monkeypatch.setenv(EXECUTOR_MARK, "outer")
    script = f"tr '\\0' '\\n' < /proc/$PPID/environ | grep -c {EXECUTOR_MARK}; test ${EXECUTOR_MARK} != outer"
    asked = ticket(repository, job_of(repository, script))
    await opened(asked)
    await dask_relay.tell(asked.session, 1, packed(Parcel(claim())))
    (over,) = (await Ear(asked.session).until_over()).over
    assert (over.ended.outcome.ok, over.ended.outcome.output.strip()) == (True, "0")


async def test_what_a_worker_prints_is_no_message(repository: Repository) -> None:
    """The process keeps its pipe to itself, whatever a library of a worker prints."""
    asked = ticket(repository, job_of(repository, "echo noise > /proc/$PPID/fd/1; echo said"))
    await opened(asked)
    await dask_relay.tell(asked.session, 1, packed(Parcel(claim())))
    (over,) = (await Ear(asked.session).until_over()).over
    assert over.ended.outcome.output.strip() == "said"


@pytest.mark.parametrize(
    ("worker", "slots"),
    [
        (dask_worker(abp_slots=50), 50),
        (dask_worker(memory=4 * GiB), 10),
        (dask_worker(memory=64 * GiB), 32),
        (dask_worker(memory=None, threads=1), 16),
        (dask_worker(memory=GiB // 8), 1),
    ],
)
def test_slots_follow_what_a_node_has(worker: Any, slots: int) -> None:
    assert dask_relay.slots_of(worker) == slots


async def test_nothing_is_known_of_a_session_that_was_never_opened() -> None:
    assert await dask_relay.hear("none", 0, 0, 0, 0.01) is None
    assert not await dask_relay.tell("none", 1, b"")
    await dask_relay.close_session("none")


def test_a_failed_call_is_logged_without_the_keys(repository: Repository) -> None:
    asked = ticket(repository, job_of(repository, "true"), MODEL_API_KEY="sk-1234567890")
    assert "sk-1234567890" not in repr(asked)
    assert os.environ.get("MODEL_API_KEY") is None
