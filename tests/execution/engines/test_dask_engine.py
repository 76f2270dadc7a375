"""The engine's books: who has which claim, and what of what comes counts. No cluster is there."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from abp_tui.domain.failure import FailureKind
from abp_tui.domain.model import Event, EventKind, Job, Outcome
from abp_tui.domain.status import Purpose
from abp_tui.errors import EngineUnavailable
from abp_tui.execution.attempt import AttemptRunner, Ended
from abp_tui.execution.engines import dask, dask_members, dask_relay
from abp_tui.execution.engines.base import Stage
from abp_tui.execution.engines.dask import DaskEngine
from abp_tui.execution.engines.dask_cluster import travelling
from abp_tui.execution.engines.dask_members import MOST_FAULTS, Members, Returns
from abp_tui.execution.engines.dask_node import Node, Rhythm
from abp_tui.execution.engines.dask_relay import Heard, Opened
from abp_tui.execution.engines.wire import File, News, Over, Ready
from abp_tui.execution.mailbox import Mailbox
from abp_tui.execution.runners import Runners
from abp_tui.store.claims import Claim, Finished, Started
from abp_tui.store.repository import Repository
from tests.factories import InProcessWorker, make_job

SAID = Event(kind=EventKind.TEXT, body="said")
PATIENCE_S = 20.0
DONE = Ended(Outcome(ok=True, output="done"))


class NoCluster:
    """A cluster on which nothing is ever sent."""

    name = "nowhere"

    def soon(self, function: Callable[..., object], *arguments: Any) -> None:
        pass


class BrokenNodes(NoCluster):
    """A cluster whose nodes raise what nobody thought of."""

    asked = 0

    async def addresses(self) -> list[str]:
        return ["tcp://a:1", "tcp://b:2"]

    async def check_versions(self, address: str) -> None:
        self.asked += 1
        raise RuntimeError(f"of {address}\nand more")


class FaultyNodes(NoCluster):
    """A cluster with nodes that begin and fault as soon as they are heard, but for the one that is well."""

    def __init__(self, *addresses: str, well: str = "") -> None:
        self._addresses = list(addresses)
        self._well = well
        self.opened: list[str] = []
        self.looks = 0

    async def addresses(self) -> list[str]:
        self.looks += 1
        return self._addresses

    async def check_versions(self, address: str) -> None:
        pass

    async def run(self, address: str, function: Any, *_arguments: Any, timeout: float) -> Any:
        if function is dask_relay.open_session:
            self.opened.append(address)
            return Opened(Ready(address, "boot"), 2)
        if function is dask_relay.close_session:
            return None
        if address == self._well:
            await asyncio.sleep(0.01)
            return Heard(1, 1, [], 0, False)
        raise ValueError("its fault")


class Books:
    """An engine with nodes that are said to be there, and what it tells of ends."""

    def __init__(self, repository: Repository, size: int = 10, cluster: Any = None) -> None:
        job = make_job(repository, 3)
        self.ends: list[tuple[int, Ended]] = []
        self.mailbox: Mailbox[Finished] = Mailbox()

        def runner(job: Job) -> AttemptRunner:
            return AttemptRunner(job, InProcessWorker(), repository.uuid, repository.path, self.mailbox)

        runners = Runners(job, runner, away=True)
        told = lambda claim, ended: self.ends.append((claim.attempt_id, ended))  # noqa: E731
        stage = Stage(job, repository.uuid, Path("/"), runners, self.mailbox, size, told)
        self.cluster: Any = cluster or NoCluster()
        self.engine = DaskEngine(stage, self.cluster)

    def node(self, name: str, slots: int) -> Node:
        node = Node(name, self.cluster, lambda session: None, Rhythm(20.0))  # type: ignore[arg-type,return-value]
        node.host, node.slots = name, slots
        self.engine._nodes[name] = node
        return node


@pytest.fixture
def books(repository: Repository) -> Books:
    return Books(repository)


def claim(number: int) -> Claim:
    return Claim(number, number, 1, 0, Purpose.RUN, {}, "Do it", 0.0)


def news(*attempts: int) -> News:
    """That these have said something and are done."""
    at = time.time()
    over = [Over(number, DONE) for number in attempts]
    return News(at, [], [(n, "s") for n in attempts], [(n, at, SAID) for n in attempts], over)


async def test_an_end_is_told_once_and_after_its_events(books: Books) -> None:
    node = books.node("a", 2)
    books.engine.give([claim(1)])
    await books.engine.heard(node, news(1))
    await books.engine.heard(node, news(1))
    assert books.ends == [(1, DONE)]
    mail = books.mailbox.collect(0)
    assert [event.body for _, _, event in mail.events] == ["said"]
    assert mail.started == [Started(1, host="a", boot_id="")]
    assert not books.engine.running


async def test_what_a_lost_node_says_later_counts_for_nothing(books: Books) -> None:
    node = books.node("a", 2)
    books.engine.give([claim(1), claim(2)])
    books.engine.left(node, "gone")
    assert [(number, ended.outcome.failure) for number, ended in books.ends] == [
        (1, FailureKind.NODE_LOST),
        (2, FailureKind.NODE_LOST),
    ]
    await books.engine.heard(node, news(1, 2))
    assert len(books.ends) == 2
    assert not books.mailbox.collect(0).events
    assert books.engine.lacks() == "no node is there for it at nowhere"


async def test_files_of_a_node_that_is_lost_while_they_are_kept_are_not_told_of(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = books.node("a", 1)
    books.engine.give([claim(1)])
    begun, go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def slow(files: Sequence[File], folder: Path) -> list[Path]:
        loop.call_soon_threadsafe(begun.set)
        assert go_on.wait(20)
        return [folder / file.path for file in files]

    monkeypatch.setattr(dask, "keep", slow)
    over = Over(1, DONE, (File("new", b"x", 0o644),))
    hearing = asyncio.create_task(books.engine.heard(node, News(time.time(), [], [], [], [over])))
    await asyncio.wait_for(begun.wait(), 20)
    books.engine.left(node, "gone")
    go_on.set()
    await asyncio.wait_for(hearing, 20)
    assert [ended.outcome.failure for _, ended in books.ends] == [FailureKind.NODE_LOST]
    assert not books.mailbox.collect(0).events


async def test_a_unit_that_was_alone_on_a_lost_node_is_told_so(books: Books) -> None:
    both, one = books.node("a", 2), books.node("b", 1)
    books.engine.give([claim(1), claim(2), claim(3)])
    assert (len(both.claims), len(one.claims)) == (2, 1)
    books.engine.left(one, "gone")
    books.engine.left(both, "gone")
    assert [ended.alone for _, ended in books.ends] == [True, False, False]


async def test_a_node_lost_with_its_scheduler_or_in_a_hurry_speaks_against_no_unit(books: Books) -> None:
    hurried, node = books.node("a", 1), books.node("b", 1)
    books.engine.give([claim(1), claim(2)])
    hurried.hurried = True
    books.engine.left(hurried, "gone")
    books.engine._members.scheduler_gone = "gone, too"
    books.engine.left(node, "gone")
    assert [ended.outcome.failure for _, ended in books.ends] == [FailureKind.INTERRUPTED] * 2


async def test_a_node_speaks_only_of_what_it_was_given(books: Books) -> None:
    books.node("a", 1)
    other = books.node("b", 0)
    books.engine.give([claim(1)])
    await books.engine.heard(other, news(1))
    assert not books.ends
    assert not books.mailbox.collect(0).events


async def test_a_node_that_raises_what_it_likes_is_left_aside_with_one_line(books: Books) -> None:
    cluster: Any = BrokenNodes()
    members = Members(cluster, books.engine._new_node, books.engine, 20.0)
    with pytest.raises(EngineUnavailable, match=r"could not begin: .*of tcp://a:1"):
        await members.begin()
    members._admit_new(await cluster.addresses())
    assert (cluster.asked, members._opening) == (2, {})
    lines = [words for _, words in books.mailbox.collect(0).notes]
    assert len(lines) == 2
    assert all(line.startswith("left aside: the node ") and "\n" not in line for line in lines)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No look, and no return of a node, is waited for."""
    monkeypatch.setattr(dask_members, "LOOK_S", 0.01)
    monkeypatch.setattr(dask_members, "RETURN_S", 0.0)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_node_that_faults_again_and_again_is_left_out_and_where_it_is_the_last_the_job_is_held(
    repository: Repository, at_once: None
) -> None:
    cluster = FaultyNodes("tcp://a:1")
    books = Books(repository, cluster=cluster)
    await books.engine._members.begin()
    await until(books.engine.lost)
    assert len(cluster.opened) == MOST_FAULTS
    assert books.engine.lost() == (
        "no node is left for it at nowhere: the node tcp://a:1 failed 5 times in a row, "
        "and no unit ended well on it in between"
    )
    lines = [words for _, words in books.mailbox.collect(0).notes]
    assert len([line for line in lines if line.startswith("left out of this run: the node tcp://a:1")]) == 1
    await books.engine._end()


async def test_where_another_node_is_well_the_job_goes_on_without_it(
    repository: Repository, at_once: None
) -> None:
    cluster = FaultyNodes("tcp://a:1", "tcp://b:2", well="tcp://b:2")
    books = Books(repository, cluster=cluster)
    await books.engine._members.begin()
    await until(lambda: books.engine._members._returns.out)
    looks = cluster.looks
    await until(lambda: cluster.looks > looks + 3)
    assert (cluster.opened.count("tcp://a:1"), cluster.opened.count("tcp://b:2")) == (MOST_FAULTS, 1)
    assert books.engine.lost() is None
    await books.engine._end()


async def test_a_node_that_comes_and_goes_and_can_never_begin_is_left_out_too(
    books: Books, at_once: None
) -> None:
    cluster: Any = BrokenNodes()
    members = Members(cluster, books.engine._new_node, books.engine, 20.0)
    for _ in range(MOST_FAULTS + 3):
        members._admit_new(["tcp://a:1"])
        await asyncio.gather(*members._opening.values())
        members._admit_new([])
    assert cluster.asked == MOST_FAULTS
    lines = [words for _, words in books.mailbox.collect(0).notes]
    assert len([line for line in lines if line.startswith("left out of this run: ")]) == 1


async def test_a_node_that_has_failed_has_few_units_until_some_have_ended_well(books: Books) -> None:
    """So that a unit which ends its nodes takes few others along the next time."""
    books.engine.left(books.node("a", 64), "gone")
    node = books.node("a", 64)
    books.engine.joined(node)
    assert (node.free, books.engine.demand()) == (8, 8)
    node.others = 60
    assert node.free == 4
    node.others = 0
    books.engine.give([claim(1)])
    await books.engine.heard(node, news(1))
    assert node.free == 16
    for _ in range(2):
        books.engine.left(node, "gone")
    node = books.node("a", 64)
    books.engine.joined(node)
    assert node.free == 1
    other = books.node("b", 64)
    books.engine.joined(other)
    assert other.free == 64


def test_a_node_returns_later_each_time_and_a_unit_that_ends_well_there_makes_up_for_it(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = 1000.0
    monkeypatch.setattr(dask_members.time, "monotonic", lambda: clock)
    returns = Returns()
    for wait_s in (1, 2, 4):
        assert not returns.failed("a")
        assert not returns.may("a")
        clock += wait_s
        assert returns.may("a")
        clock -= wait_s
    returns.well("a")
    assert returns.may("a")
    assert not any(returns.failed("a") for _ in range(MOST_FAULTS - 1))
    assert returns.failed("a")
    clock += 1e9
    assert not returns.may("a")
    assert returns.out == {"a"}


async def test_a_unit_that_ends_well_on_a_node_is_told_of(books: Books) -> None:
    node = books.node("a", 1)
    books.engine.left(node, "gone")
    assert not books.engine._members._returns.may("a")
    node = books.node("a", 1)
    books.engine.give([claim(1)])
    await books.engine.heard(node, news(1))
    assert books.engine._members._returns.may("a")


def test_demand_is_what_fits_beside_what_others_run(books: Books) -> None:
    first, second = books.node("a", 4), books.node("b", 2)
    assert books.engine.demand() == 6
    second.others = 5
    assert books.engine.demand() == 4
    books.engine.give([claim(1)])
    assert (books.engine.demand(), list(first.claims), books.engine.running) == (3, [1], {1})
    books.engine.resize(2)
    assert books.engine.demand() == 1
    books.engine.resize(0)
    assert books.engine.demand() == 0


def test_claims_go_where_most_room_is(books: Books) -> None:
    first, second = books.node("a", 3), books.node("b", 2)
    books.engine.give([claim(n) for n in range(3)])
    assert (len(first.claims), len(second.claims)) == (2, 1)


def test_a_claim_without_a_node_waits_again_unspent(books: Books) -> None:
    books.node("a", 1)
    books.engine.give([claim(1), claim(2)])
    ((number, ended),) = books.ends
    assert (number, ended.outcome.failure) == (2, FailureKind.INTERRUPTED)


async def test_times_are_those_of_this_machine(books: Books) -> None:
    node = books.node("a", 1)
    books.engine.give([claim(1)])
    an_hour_late = time.time() - 3600
    late = News(an_hour_late, [], [], [(1, an_hour_late - 5, SAID)], [])
    before = time.time()
    await books.engine.heard(node, late)
    ((_, at, _),) = books.mailbox.collect(0).events
    assert before - 5 <= at <= time.time() - 5


def test_agents_end_before_their_node_counts_as_lost() -> None:
    """Also where the last beat was as late as a beat can be."""
    for lost_s in (10.0, 20.0, 3600.0):
        rhythm = Rhythm(lost_s)
        assert 2 * rhythm.lease_s + 3 < lost_s
        assert rhythm.wait_s + 1 < rhythm.lease_s


def test_what_tells_of_this_machine_does_not_travel() -> None:
    stays = {"PATH": "/bin", "HOME": "/home/me", "PYTHONPATH": "x", "ABP_ATTEMPT": "y", "LC_ALL": "C"}
    goes = {"ANTHROPIC_API_KEY": "k", "HTTPS_PROXY": "p", "MY_HOME": "z"}
    assert travelling({**stays, **goes}) == goes
