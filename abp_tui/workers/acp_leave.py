"""Giving an agent leave, or not: by the job's rules, and where they say nothing by a person who is there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from acp.schema import AllowedOutcome, DeniedOutcome, PermissionOption, RequestPermissionResponse

from abp_tui.domain.model import Denial, Event, EventKind
from abp_tui.workers.acp_rules import allowed
from abp_tui.workers.acp_tools import ToolCall
from abp_tui.workers.base import Sink
from abp_tui.workers.cancel import Cancel
from abp_tui.workers.inlet import Inlet

YES = ("allow_once", "allow_always")  # once is enough: what is allowed for always is the rules' to say
NO = ("reject_once", "reject_always")


@dataclass(frozen=True, slots=True)
class Policy:
    """The job's rules, and whether a person may be asked, for `ask_s` seconds at most (0: for ever)."""

    allow: Sequence[str]
    deny: Sequence[str]
    may_ask: bool
    ask_s: float


class Leave:
    """Answers one attempt's requests for leave, one at a time. `denials` are those that were not given."""

    def __init__(self, policy: Policy, sink: Sink, inlet: Inlet, over: Cancel) -> None:
        self._policy = policy
        self._sink = sink
        self._inlet = inlet
        self._over = over
        self._one_at_a_time = asyncio.Lock()
        self._denied: dict[str, Denial] = {}

    @property
    def denials(self) -> tuple[Denial, ...]:
        """The calls that were not let through, each once."""
        return tuple(self._denied.values())

    async def decide(self, call: ToolCall, options: Sequence[PermissionOption]) -> RequestPermissionResponse:
        """The answer to a request."""
        said = allowed(call.wish(), self._policy.allow, self._policy.deny)
        if said is None and self._policy.may_ask:
            async with self._one_at_a_time:
                return await self._ask(call, options)
        if said:
            return self._answer(call, _first(options, YES), "the rules allow it")
        why = "the rules deny it" if said is False else "no rule allows it"
        return self._answer(call, _first(options, NO), why)

    async def _ask(self, call: ToolCall, options: Sequence[PermissionOption]) -> RequestPermissionResponse:
        labels = _labels(options)
        ask: Callable[..., str | None] = self._sink.ask
        with self._inlet.holding():
            chosen = await asyncio.to_thread(ask, call.words(), labels, self._over, self._policy.ask_s)
        if chosen in labels:
            return self._answer(call, options[labels.index(chosen)], "a person said so")
        if self._over.requested:
            return RequestPermissionResponse(outcome=DeniedOutcome(outcome="cancelled"))
        return self._answer(call, _first(options, NO), "nobody answered")

    def _answer(self, call: ToolCall, option: PermissionOption | None, why: str) -> RequestPermissionResponse:
        wish = call.wish()
        given = option is not None and option.kind in YES
        if not given:
            call.deny()
            self._denied[call.ref] = Denial(tool=call.name, detail=call.detail())
        kind, verb = (EventKind.NOTICE, "allowed") if given else (EventKind.DENIED, "denied")
        body = f"{verb}: {wish.kind} {wish.about} ({why})"
        self._sink.event(Event(kind=kind, title=call.name, ref=call.ref, body=body))
        if option is None:
            return RequestPermissionResponse(outcome=DeniedOutcome(outcome="cancelled"))
        chosen = AllowedOutcome(outcome="selected", option_id=option.option_id)
        return RequestPermissionResponse(outcome=chosen)


def _first(options: Sequence[PermissionOption], kinds: Sequence[str]) -> PermissionOption | None:
    return next((option for kind in kinds for option in options if option.kind == kind), None)


def _labels(options: Sequence[PermissionOption]) -> list[str]:
    """What a person chooses among, each different."""
    names = [" ".join(option.name.split()) or option.kind for option in options]
    return [
        f"{name} ({option.option_id})" if names.count(name) > 1 else name
        for name, option in zip(names, options, strict=True)
    ]
