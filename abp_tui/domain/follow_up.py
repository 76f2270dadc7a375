"""What is said to an agent beside its prompt: the form of its answer, that it missed it, that it goes on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from abp_tui.domain.failure import FailureKind

ANSWER_SHOWN = 4000  # characters

_FORM = """

Answer with one JSON value that fits the JSON Schema below, and with nothing else: no words around it, no \
comments. The schema:

{schema}"""

_MISSED = """\
That can't be used: {why}

Give the whole answer again so that it fits the JSON Schema, and nothing else. What you \
have done for it still stands."""

_MISSED_BEFORE = """\
{prompt}

This was asked before, and what came can't be used: {why}

That answer was:

{answer}

Give an answer that fits the JSON Schema."""

_GO_ON = """\
Your work on this was broken off: {why}

Go on from where you were. What you have done so far still stands: do none of it again. Finish with what was \
asked for at first."""

_DOUBTED = """\
What you gave was looked at and is in doubt: {why}

Mend that, and give the whole answer again. What you have done for it still stands: do none of it again. \
What is left open is yours to decide."""

GO_ON = """\
Go on from where you stopped. What you have done so far still stands: do none of it again. Decide yourself \
what is left open, and finish with what was asked for at first."""

_REASONS = {
    None: "the program that runs you was ended.",
    FailureKind.INTERRUPTED: "the program that runs you was ended.",
    FailureKind.TIMEOUT_IDLE: "nothing was heard of you for too long.",
    FailureKind.TIMEOUT_TOTAL: "it took too long. Come to an end soon.",
}


def form(schema: Mapping[str, Any]) -> str:
    """The end of a prompt that wants an answer in the form of this schema."""
    return _FORM.format(schema=json.dumps(schema, ensure_ascii=False))


def missed(why: str) -> str:
    """For the agent that has just given an answer in another form."""
    return _MISSED.format(why=why)


def missed_before(prompt: str, why: str, answer: str) -> str:
    """The whole prompt again, for an agent that does not remember the answer that it gave to it."""
    shown = answer if len(answer) <= ANSWER_SHOWN else f"{answer[:ANSWER_SHOWN]} […]"
    return _MISSED_BEFORE.format(prompt=prompt, why=why, answer=shown or "(nothing)")


def nudged(prompt: str, nudge: str) -> str:
    """The whole prompt with what a person adds to it, for an agent that can't go on with its session."""
    return f"{prompt}\n\n{nudge}"


def go_on(failure: FailureKind | None, error: str) -> str:
    """For the agent whose last attempt failed like this, ended in an answer that is in doubt for an error
    (None), or with no end on record (None, without an error).
    """
    if failure is FailureKind.BAD_OUTPUT:
        return missed(error)
    if failure is None and error:
        return _DOUBTED.format(why=error)
    return _GO_ON.format(why=_REASONS.get(failure, error))
