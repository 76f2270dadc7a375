"""Signs in an answer that its agent has not done what it was run for, though it says that it has ended well.

They are few and narrow: a good answer that is taken for a doubtful one costs a person more than the reverse.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from enum import StrEnum

from abp_tui.domain.model import Outcome
from abp_tui.domain.question import WRAPPED, question

SHORT = 1500  # characters: whoever says more than that has done something, however it begins
SHOWN = 120


class Tell(StrEnum):
    """A built-in sign of doubt."""

    QUESTION = "question"
    REFUSAL = "refusal"
    SAME = "same"

    @property
    def words(self) -> str:
        """The sign, for people."""
        return {
            Tell.QUESTION: "the output ends in a question to you",
            Tell.REFUSAL: "the output says that it could not be done",
            Tell.SAME: "two items have the same long output",
        }[self]


_WRAPPED = WRAPPED + "-#>"
_COULD_NOT = re.compile(
    r"(?:(?:i'm|i am) (?:very |so |really )?sorry[,.;:!]?\s*|(?:sorry|unfortunately|apologies)[,.;:!]?\s*)?"
    r"(?:(?:but|however)[, ]\s*)?"
    r"(?:i (?:can'?t|cannot|can not|couldn'?t|could not|won'?t be able to)|"
    r"i(?:'m| am| was|'ve been| have been) (?:not able|unable) to|i wasn'?t able to)\s+"
    r"(?:actually |directly )?"
    r"(?:access|open|read|load|view|retrieve|fetch|download|reach|complete|finish|carry out|perform|"
    r"do (?:this|that|it|so|what)\b|run|execute|edit|modify|write|create|save|process|proceed|continue|"
    r"help|assist|comply|"
    r"fulfil|analy[sz]e|summari[sz]e|review|translate|find (?:the|that|this|any such|a) "
    r"(?:file|folder|directory|document|path|item)|locate)",
    re.IGNORECASE,
)


def tells_in(outcome: Outcome, wanted: Collection[Tell]) -> list[tuple[Tell, str]]:
    """The wanted tells in a good outcome, each with the words that show it; none in an answer in JSON."""
    if outcome.result is not None:
        return []
    found = []
    if Tell.QUESTION in wanted and (asked := question(outcome.output)):
        found.append((Tell.QUESTION, f"it ends in a question: {_short(asked)}"))
    if Tell.REFUSAL in wanted and (refusal := _refusal(outcome.output)):
        found.append((Tell.REFUSAL, f"it says that it could not: {_short(refusal)}"))
    return found


def _refusal(output: str) -> str:
    """The first line of a short answer, where it begins by saying what could not be done."""
    text = output.strip()
    if len(text) > SHORT:
        return ""
    line = text.partition("\n")[0].lstrip(_WRAPPED)
    return line if _COULD_NOT.match(line.replace("’", "'")) else ""


def _short(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
