"""A tool call of an agent of the Agent Client Protocol: pieced together from its updates, told as events."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from difflib import unified_diff
from typing import Any

from abp_tui.domain.model import Event, EventKind
from abp_tui.workers.acp_rules import Wish
from abp_tui.workers.loose import Json, as_text, mapping, objects, text

LONGEST_DIFFED = 200_000  # characters of both sides: beyond, finding what differs takes too long
WORDS_LIMIT = 4000  # characters of what a person is asked
ENDED = ("completed", "failed")


class ToolCall:
    """What is known of one call. It is told once something is known of it, its result when it has ended."""

    def __init__(self, ref: str) -> None:
        self.ref = ref
        self._facts: dict[str, Any] = {}
        self._told = False
        self._ended = False
        self._has_result = False

    def learn(self, update: Json) -> None:
        """Take in what an update says; it leaves the rest as it was."""
        self._facts.update({key: value for key, value in update.items() if value is not None})

    @property
    def kind(self) -> str:
        """The kind of tool, as the protocol has it."""
        return text(self._facts, "kind") or "other"

    @property
    def title(self) -> str:
        """What the agent calls this call, for people."""
        return " ".join(text(self._facts, "title").split())

    @property
    def name(self) -> str:
        """The tool's name where the agent gives one, else its kind."""
        for meta in mapping(self._facts, "_meta").values():
            if isinstance(meta, dict) and text(meta, "toolName"):
                return text(meta, "toolName")
        return self.kind

    def wish(self) -> Wish:
        """What leave is asked for."""
        return Wish(self.kind, _command(mapping(self._facts, "rawInput")) or _bare(self.title))

    def deny(self) -> None:
        """Leave was not given: what it would have changed it has not."""
        self._ended = True

    def detail(self) -> str:
        """What it is about, without the tool's name before it."""
        return self.wish().about.removeprefix(f"{self.name} ")

    def words(self) -> str:
        """What a person must know to say yes or no: the call, and the change it would make."""
        wish = self.wish()
        lead = f"{wish.kind}: {self.title or wish.about}"
        command = wish.about if wish.about not in lead else ""
        changes = [f"{path}\n{change}" for path, change in self._changes()]
        said = "\n".join(part for part in (lead, command, *changes) if part)
        return said if len(said) <= WORDS_LIMIT else f"{said[:WORDS_LIMIT]}\n[… {len(said):,} characters]"

    def tell(self, update: Json) -> Iterator[Event]:
        """The events of an update."""
        raw = json.dumps(update, ensure_ascii=False)
        if self._is_known():
            yield from self.announce(raw)
        if text(self._facts, "status") in ENDED and not self._has_result:
            yield from self.announce(raw)
            yield from self._result(raw)

    def announce(self, raw: str | None = None) -> Iterator[Event]:
        """The call itself, unless it was told before."""
        if self._told:
            return
        self._told = True
        given = self._facts.get("rawInput")
        body = json.dumps(given, ensure_ascii=False) if given else self.title
        yield Event(kind=EventKind.TOOL_CALL, title=self.name, ref=self.ref, body=body, raw=raw)

    def close(self) -> Iterator[Event]:
        """What was not told when the turn ended: a call whose end the agent never mentions."""
        yield from self.announce()
        if not self._ended:
            yield from self._diffs()

    def _is_known(self) -> bool:
        return bool(self._facts.get("rawInput")) or text(self._facts, "status") not in ("", "pending")

    def _result(self, raw: str) -> Iterator[Event]:
        self._ended = self._has_result = True
        failed = text(self._facts, "status") == "failed"
        if not failed:
            yield from self._diffs()
        body = self._said() or as_text(self._facts.get("rawOutput"))
        yield Event(
            kind=EventKind.TOOL_RESULT, title=self.name, ref=self.ref, body=body, is_error=failed, raw=raw
        )

    def _said(self) -> str:
        parts = [
            as_text(item.get("content"))
            for item in objects(self._facts, "content")
            if item.get("type") == "content"
        ]
        return "\n".join(part for part in parts if part)

    def _diffs(self) -> Iterator[Event]:
        for path, change in self._changes():
            yield Event(kind=EventKind.DIFF, title=path, ref=self.ref, body=change)

    def _changes(self) -> Iterator[tuple[str, str]]:
        for item in objects(self._facts, "content"):
            if item.get("type") == "diff":
                yield text(item, "path"), _diff(text(item, "oldText"), text(item, "newText"))


def _command(given: Json) -> str:
    value = given.get("command")
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return shlex.join(value)
    return value.strip() if isinstance(value, str) else ""


def _bare(title: str) -> str:
    """The title without the backticks that some agents put around a command."""
    return title[1:-1] if len(title) > 2 and title[0] == title[-1] == "`" else title


def _diff(old: str, new: str) -> str:
    if len(old) + len(new) > LONGEST_DIFFED:
        return f"@@ {len(old):,} characters become {len(new):,} @@"
    lines = list(unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=3))
    return "\n".join(lines[2:])  # the names of the two sides are the same file
