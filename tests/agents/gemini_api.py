"""A scripted Gemini API on 127.0.0.1: what each request of the agent is answered with is said beforehand.

    with GeminiApi() as api:
        api.script(call("write_file", file_path="a.txt", content="x"), words("done"))

Requests that offer no tools are the program's own errands (which model to take, a summary): they are counted
apart and answered alike. The last step of the script answers all further requests.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.agents.http_api import Handler, ScriptedApi

ERRAND = {"model_choice": "flash", "complexity_score": 1, "complexity_reasoning": "-", "reasoning": "-"}


@dataclass(frozen=True)
class Reply:
    """An answer of the model in parts, or with a `status` other than 200 an error that says `parts[0]`.

    `silent` says nothing until the client goes.
    """

    parts: tuple[Mapping[str, Any], ...] = ()
    status: int = 200
    silent: bool = False


def words(text: str) -> Reply:
    """An answer in words."""
    return Reply(({"text": text},))


def call(name: str, **arguments: Any) -> Reply:
    """The call of one tool."""
    return Reply(({"functionCall": {"name": name, "args": arguments}},))


def error(status: int, message: str = "as the script says", reason: str = "INTERNAL") -> Reply:
    """An error response."""
    return Reply(({"code": status, "message": message, "status": reason},), status)


def silence() -> Reply:
    """No answer, until the client goes or the API ends."""
    return Reply(silent=True)


JSON = {"content-type": "application/json"}
STREAM = {"content-type": "text/event-stream"}


class GeminiApi(ScriptedApi):
    """The server, in threads of its own, from `with` to its end. `requests` are those that offer tools."""

    def __init__(self) -> None:
        super().__init__(_Handler)
        self.requests: list[Mapping[str, Any]] = []
        self.errands: list[str] = []
        self._steps: tuple[Reply, ...] = ()

    def script(self, *steps: Reply) -> None:
        """Answer the coming requests with these steps."""
        with self._lock:
            self._steps = steps
            self.requests.clear()

    def environment(self) -> dict[str, str]:
        """What makes the program talk to this API alone."""
        return {
            "GEMINI_API_KEY": "dummy-key",
            "GOOGLE_GEMINI_BASE_URL": self.url,
            "GEMINI_CLI_TRUST_WORKSPACE": "true",
            "GEMINI_TELEMETRY_ENABLED": "false",
        }

    def next_step(self, path: str, body: Mapping[str, Any]) -> Reply:
        """What a request is answered with."""
        if not body.get("tools"):
            self.errands.append(path)
            return words(json.dumps(ERRAND))
        with self._lock:
            self.requests.append(body)
            return self._steps[min(len(self.requests), len(self._steps)) - 1]


class _Handler(Handler):
    api: GeminiApi

    def do_GET(self) -> None:
        self.send(404, b"{}", JSON)

    def do_POST(self) -> None:
        content = self.content()
        body = json.loads(content or b"{}")
        if ":countTokens" in self.path:
            self.send(200, b'{"totalTokens": 100}', JSON)
            return
        reply = self.api.next_step(self.path, body)
        if reply.silent:
            self.api.ended.wait(120)
            self.close_connection = True
        elif reply.status != 200:
            self.send(
                reply.status,
                json.dumps({"error": reply.parts[0]}).encode(),
                JSON,
            )
        elif "alt=sse" in self.path:
            self.send(
                200,
                f"data: {json.dumps(_message(reply))}\n\n".encode(),
                STREAM,
            )
        else:
            self.send(200, json.dumps(_message(reply)).encode(), JSON)


def _message(reply: Reply) -> dict[str, Any]:
    candidate = {"content": {"role": "model", "parts": list(reply.parts)}, "finishReason": "STOP", "index": 0}
    counts = {"promptTokenCount": 100, "candidatesTokenCount": 10, "totalTokenCount": 110}
    return {"candidates": [candidate], "usageMetadata": counts, "modelVersion": "gemini-2.5-flash"}
