"""One prompt to one model of the `llm` library, in a process of its own.

The request is a JSON object on stdin. JSON lines come back, each with a "type": `model` once the model is
found, `text` for each piece of the answer, then `done` with what it took, or `failed` with why not. Whatever
the library and the model's own code print goes to stderr.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

Say = Callable[..., None]


def main() -> None:
    """Answer the request, and end before any model library is taken down: some crash in that."""
    say = _speaker()
    request = json.load(sys.stdin)
    said = False
    try:
        response = _prepared(request, say)
        said = True
        for piece in response:
            say("text", text=str(piece))
        used = response.usage()
        say("done", input=used.input, output=used.output)
    except Exception as error:  # noqa: BLE001 - a plugin may raise anything
        say("failed", set_up=not said, **_explained(error))
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(0)


def _speaker() -> Say:
    """Says messages on what was stdout; everything else that is written there goes to stderr."""
    out = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)

    def say(kind: str, **fields: Any) -> None:
        out.write(json.dumps({"type": kind, **fields}) + "\n")
        out.flush()

    return say


def _prepared(request: Mapping[str, Any], say: Say) -> Any:
    """The response, not yet begun. What raises here is wrong for every prompt alike."""
    import llm

    model = llm.get_model(request["model"])
    say("model", model=model.model_id)
    more: dict[str, Any] = {}
    if request["schema"] is not None and model.supports_schema:
        more["schema"] = request["schema"]
    if request["key"] is not None:
        more["key"] = _key(request["key"])
    return model.prompt(request["prompt"], system=request["system"], options=request["options"], **more)


def _key(name: str) -> str:
    """The stored key of that name: the library would take any other text for a key itself."""
    import llm

    keys: Mapping[str, str] = llm.load_keys()
    if name not in keys:
        raise llm.NeedsKeyException(f"there is no key called {name!r}: llm keys set {name}")
    return keys[name]


def _explained(error: Exception) -> dict[str, Any]:
    """What is known of an error: its words, its classes, and the HTTP status behind it."""
    status = getattr(error, "status_code", None)
    if status is None:
        status = getattr(getattr(error, "response", None), "status_code", None)
    words = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    return {
        "error": words or type(error).__name__,
        "classes": [kind.__name__ for kind in type(error).__mro__],
        "status": status if isinstance(status, int) else None,
    }


if __name__ == "__main__":
    main()
