"""What the herald does: look at its job, and tell what there is to tell."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable, Collection, Iterable
from contextlib import ExitStack, suppress
from typing import Any, TypeVar

from abp_tui.domain.status import Occasion
from abp_tui.errors import StoreUnavailable
from abp_tui.notify import Notice, notice_of, occasion_of
from abp_tui.notify.channels import Channel, Undelivered, channels_of
from abp_tui.notify.herald import NOT_OURS
from abp_tui.settings import NotifySettings
from abp_tui.store.repository import Repository
from abp_tui.views import JobView, view_job

log = logging.getLogger(__name__)

T = TypeVar("T")

PATIENCE_S = 600.0
PAUSE_S = 1.0

WHILE_IT_RUNS = frozenset({Occasion.QUESTION, Occasion.LIMIT})
AT_ITS_END = frozenset(Occasion) - WHILE_IT_RUNS


def play_herald(store: str, job_id: int, settings: NotifySettings, hear: Callable[[], bytes | None]) -> None:
    """Tell all that becomes of a job until its executor has ended; what fails is said in the job's log.

    A store that can't be used for a while is waited for, as the executor does.
    """
    repository = patiently(lambda: Repository(store))
    folder = patiently(lambda: repository.jobs.get(job_id)).cwd
    unsaid: list[str] = []

    def say() -> None:
        while unsaid:
            repository.logs.add(job_id, unsaid[0], level="warning")
            del unsaid[0]

    def tell(notice: Notice) -> None:
        errors = [error for _, error in send(settings, notice, folder) if error is not None]
        unsaid.extend(f"not notified by {error}" for error in errors)

    def say_and_hear() -> bytes | None:
        with suppress(StoreUnavailable):  # it is said later
            say()
        return hear()

    Watch(repository, job_id, settings.on, tell).until_the_end(say_and_hear)
    patiently(say)


def patiently(act: Callable[[], T]) -> T:
    """Do it, again and again while the store can't be used; raises `StoreUnavailable` after `PATIENCE_S`."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return act()
        except StoreUnavailable:
            if time.monotonic() > deadline:
                raise
            time.sleep(PAUSE_S)


def send(settings: NotifySettings, notice: Notice, folder: str) -> list[tuple[Channel, Undelivered | None]]:
    """Send a notice on all ways that are set, a command in the job's folder; what became of each."""
    return [(channel, _send(channel, notice)) for channel in channels_of(settings, folder)]


def _send(channel: Channel, notice: Notice) -> Undelivered | None:
    """Send it on one way; whatever comes of that is nothing to the others."""
    try:
        channel.send(notice)
    except Undelivered as error:
        return error
    except Exception as error:  # noqa: BLE001 - it is logged, and said
        kind, trace = type(error).__name__, "".join(traceback.format_tb(error.__traceback__))
        log.error("%s failed: %s\n%s", channel.name, kind, trace)  # its message may hold an address
        return Undelivered(f"{channel.name}: {kind}", "the log says where")
    return None


class Watch:
    """Looks at a job while its executor runs, and once after that; tells each occasion once."""

    def __init__(
        self, repository: Repository, job_id: int, on: Iterable[Occasion], tell: Callable[[Notice], None]
    ) -> None:
        self._repository = repository
        self._job_id = job_id
        self._on = frozenset(on)
        self._tell = tell
        self._told = _mark(patiently(self._view))  # what was so before is no news

    def until_the_end(self, hear: Callable[[], bytes | None]) -> None:
        """Look as long as `hear` says nothing; then once more, unless it says that the job is not ours."""
        seen = -1
        with ExitStack() as opened:  # data_version compares within a connection
            patiently(lambda: opened.enter_context(self._repository.kept_open()))
            while (heard := hear()) is None:
                with suppress(StoreUnavailable):  # it is looked at again
                    seen = self._look_if_changed(seen)
        if heard != NOT_OURS:
            self._told = None
            patiently(lambda: self.look(AT_ITS_END))

    def _look_if_changed(self, seen: int) -> int:
        """Look where the store is another than at version `seen`; returns the one that it is of now."""
        version = self._repository.database.data_version()
        if version != seen:
            self.look(WHILE_IT_RUNS)
        return version

    def look(self, among: Collection[Occasion]) -> None:
        """Tell what there is to tell, if it is new, wanted and one of these occasions."""
        view = self._view()
        occasion = occasion_of(view)
        if occasion is None or occasion not in among:
            return
        mark = _mark(view)
        if mark != self._told and occasion in self._on:
            self._tell(notice_of(view, occasion))
        self._told = mark

    def _view(self) -> JobView:
        return view_job(self._repository.jobs.get(self._job_id))


def _mark(view: JobView) -> Any:
    """What makes an occasion another one than the last of its kind."""
    occasion = occasion_of(view)
    if occasion is Occasion.QUESTION:
        return occasion, view.question and view.question.id
    return occasion, view.gate and view.gate.until
