"""Reading the items of the form's source: how far that is, its end on demand, what follows from it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar, cast

from abp_tui.creation import Found, Plan
from abp_tui.enumerators.base import Approval, Enumerator, Item, registry
from abp_tui.errors import AbpError
from abp_tui.orchestrator import Orchestrator
from abp_tui.tui.screens.new_job_form import NewJobForm
from abp_tui.tui.widgets.figures import count
from abp_tui.tui.widgets.plan_preview import Outlook

T = TypeVar("T")
FIRST = 20
PRESS_EVERY_S = 0.2

# What a person asks for by a key, and what is said while it goes on.
_WORDS = {
    "sql": ("run the query", "the query runs"),
    "dynamic": ("read the code and run it", "the code runs"),
}
_OTHER_WORDS = ("look for its items", "looking")


def asking_words(source: str) -> str:
    """What the key does for this source."""
    return _WORDS.get(source, _OTHER_WORDS)[0]


def is_live(source: str) -> bool:
    """Whether this source may be looked at while a person types."""
    return registry.get(source).live_preview


class Unwanted(Exception):
    """Nobody waits for these items any more."""


class Unapproved(Exception):
    """A person must approve `wanted` first."""

    def __init__(self, wanted: Approval) -> None:
        super().__init__(wanted.sha256)
        self.wanted = wanted


class Look:
    """Reading all items of the form's source for some purpose, in a thread and ended from another.

    With `making` that is to make the job, else to show what there is. `approved` is the hash of what a
    person has just approved.
    """

    def __init__(self, form: NewJobForm, *, making: bool = False, approved: str | None = None) -> None:
        self.form = form
        self.making = making
        self.seen = 0
        self._approved = approved
        self._began = time.monotonic()
        self._source: Enumerator[Any] | None = None
        self._unwanted = False
        self._over = threading.Event()

    @property
    def progress(self) -> str:
        """How far it is, for a person who waits."""
        if self._unwanted:
            return "ending"
        if self._source is None:
            return "one moment"
        doing = "making the job" if self.making else _WORDS.get(self.form.source, _OTHER_WORDS)[1]
        return f"{doing}: {count(self.seen, 'item')} so far, {time.monotonic() - self._began:.0f} s"

    def run(self, orchestrator: Orchestrator, make: Callable[[Plan], T]) -> T:
        """What is made of the plan.

        Raises what planning and making raise, `Unapproved`, and `Unwanted` once it was ended.
        """
        try:
            plan = self._approved_plan(orchestrator)
            self._source = plan.enumerator
            return make(replace(plan, enumerator=cast("Enumerator[Any]", _Watched(plan.enumerator, self))))
        except AbpError:
            self.check()  # a source that was made to end calls that an error
            raise
        finally:
            self._over.set()

    def _approved_plan(self, orchestrator: Orchestrator) -> Plan:
        plan = orchestrator.plan(**(self.form.arguments() if self.making else self.form.source_arguments()))
        if self._approved is not None:
            orchestrator.approve_source(plan, self._approved)
        if wanted := orchestrator.missing_approval(plan):
            if self.making:
                orchestrator.check(plan)
            plan.enumerator.validate()
            raise Unapproved(wanted)
        return plan

    def end(self) -> None:
        """Nobody waits for it any more. Returns at once; a source that waits for something is made to end."""
        self._unwanted = True
        threading.Thread(target=self._press, name="abandon", daemon=True).start()

    def _press(self) -> None:
        """More than once: a source may just be about to begin what it could be interrupted in."""
        while not self._over.is_set():
            if self._source is not None:
                with suppress(Exception):  # what comes of it is seen where the source is read
                    self._source.abandon()
            self._over.wait(PRESS_EVERY_S)

    def count(self) -> None:
        """One item more; raises `Unwanted`."""
        self.check()
        self.seen += 1

    def check(self) -> None:
        """Raise `Unwanted` once it was ended."""
        if self._unwanted:
            raise Unwanted


class _Watched:
    """An enumerator that stops in the middle once its items are unwanted."""

    def __init__(self, inner: Enumerator[Any], look: Look) -> None:
        self._inner = inner
        self._look = look

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def items(self) -> Iterator[Item]:
        """The same items, as long as they are wanted."""
        self._look.check()
        for item in self._inner.items():
            self._look.count()
            yield item


def outlook(orchestrator: Orchestrator, form: NewJobForm, found: Found) -> Outlook:
    """What the form makes of items that were found; no source is asked for anything."""
    template = None
    try:
        plan = orchestrator.plan(**form.arguments_with_stand_ins())
        template = orchestrator.prompt_for(plan, found)
        orchestrator.check(plan)
    except AbpError as error:
        return Outlook(form.source, found, template, error)
    return Outlook(form.source, found, template)
