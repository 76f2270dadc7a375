"""A scripted Anthropic Messages API on 127.0.0.1: what each request is answered with is said beforehand.

    with AnthropicApi() as api:
        api.script(tool_use("Bash", command="ls"), text("done"))
        api.script(error(529), marker="@busy@")  # for requests whose messages hold "@busy@"

Each session (known by its header) plays each script by itself from the start, a step per request; the last
step answers all further ones. Answers are streamed where the request wants that.
"""

from __future__ import annotations

import json
import select
import socket
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.agents.http_api import Handler, ScriptedApi

SESSION_HEADER = "X-Claude-Code-Session-Id"
SOON_S = 0.3
_ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}


@dataclass(frozen=True)
class Request:
    """One request as it came in; `body` is its JSON, {} where there is none."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any] = field(default_factory=dict)

    @property
    def session(self) -> str:
        return self.headers.get(SESSION_HEADER.lower(), "")

    @property
    def streams(self) -> bool:
        return bool(self.body.get("stream"))

    @property
    def tools(self) -> set[str]:
        return {tool["name"] for tool in self.body.get("tools", ())}

    @property
    def system(self) -> str:
        """Its system prompt."""
        return _plain(self.body.get("system"))

    @property
    def said(self) -> str:
        """All that the messages say, tool results included, one below the other."""
        return "\n".join(_plain(message.get("content")) for message in self.body.get("messages", ()))

    @property
    def last_said(self) -> str:
        """What the last message of the user says."""
        messages = [each for each in self.body.get("messages", ()) if each.get("role") == "user"]
        return _plain(messages[-1].get("content")) if messages else ""


def _plain(content: Any) -> str:
    if isinstance(content, list):
        return "\n".join(_plain(block) for block in content)
    if isinstance(content, dict):
        return str(content.get("text") or _plain(content.get("content")))
    return content if isinstance(content, str) else ""


@dataclass(frozen=True)
class Answer:
    """A message of the model. `cut` ends it after its first words: with the connection, or in silence."""

    blocks: tuple[Mapping[str, Any], ...]
    headers: Mapping[str, str] = field(default_factory=dict)
    input_tokens: int = 1000
    output_tokens: int = 50
    cut: Literal["drop", "silence"] | None = None

    @property
    def stop_reason(self) -> str:
        return "tool_use" if any(block["type"] == "tool_use" for block in self.blocks) else "end_turn"


@dataclass(frozen=True)
class Raw:
    """Any other response; `drop` resets the connection instead of a response."""

    status: int
    content: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    drop: bool = False


Step = Answer | Raw
Script = tuple[Step | Callable[[Request], Step], ...]


def text(words: str, **more: Any) -> Answer:
    """An answer in words."""
    return Answer(({"type": "text", "text": words},), **more)


def tool_use(name: str, **arguments: Any) -> Answer:
    """The call of one tool."""
    return Answer(({"type": "tool_use", "name": name, "input": arguments},))


def dropped(words: str) -> Answer:
    """The connection ends after the first words."""
    return text(words, cut="drop")


def silent(words: str) -> Answer:
    """Nothing more comes after the first words, until the client goes or the API ends."""
    return text(words, cut="silence")


def error(status: int, message: str = "as the script says", **headers: str) -> Raw:
    """An error response. Underscores in the names of `headers` stand for dashes."""
    kind = _ERROR_TYPES.get(status, "api_error")
    body = {"type": "error", "error": {"type": kind, "message": message}}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Raw(status, json.dumps(body).encode(), {"content-type": "application/json", **named})


def refused_connection() -> Raw:
    """The connection is reset before any response."""
    return Raw(0, b"", drop=True)


def malformed(content: bytes = b'{"type": "message", "content": [{"ty') -> Raw:
    """A response that ends in the middle of its JSON, whatever was asked for."""
    return Raw(200, content, {"content-type": "application/json"})


def usage_limit(resets_at: int) -> Raw:
    """The window of a subscription is used up until `resets_at`, in seconds since the epoch."""
    limit = "anthropic_ratelimit_unified_"
    return error(
        429,
        **{f"{limit}status": "rejected", f"{limit}reset": str(resets_at)},
        **{f"{limit}representative_claim": "five_hour"},
    )


class AnthropicApi(ScriptedApi):
    """The server, in threads of its own, from `with` to its end. `requests` are those for messages."""

    def __init__(self) -> None:
        super().__init__(_Handler)
        self.requests: list[Request] = []
        self.others: list[Request] = []
        self._scripts: dict[str, Script] = {}
        self._played: dict[tuple[str, str], int] = {}

    def script(self, *steps: Step | Callable[[Request], Step], marker: str = "") -> None:
        """Answer requests whose messages hold `marker` with these steps; "" is for all others.

        Of several markers the one that comes last counts. A step may be a function of the request.
        """
        self._scripts[marker] = steps

    def environment(self) -> dict[str, str]:
        """What makes an agent built on Claude Code talk to this API alone, and give up quickly."""
        return {
            "ANTHROPIC_BASE_URL": self.url,
            "ANTHROPIC_API_KEY": "dummy-key",
            "DISABLE_TELEMETRY": "1",
            "DISABLE_AUTOUPDATER": "1",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "CLAUDE_CODE_MAX_RETRIES": "1",
        }

    def of_session(self, session: str) -> list[Request]:
        """The requests for messages of one session."""
        return [request for request in list(self.requests) if request.session == session]

    def next_step(self, request: Request) -> Step:
        """What comes next in the script of this request's session."""
        with self._lock:
            self.requests.append(request)
            marker = self._marker(request.said)
            if marker is None:
                return error(400, "no script for this request")
            steps = self._scripts[marker]
            played = self._played.get(key := (request.session, marker), 0)
            self._played[key] = played + 1
        step = steps[min(played, len(steps) - 1)]
        return step(request) if callable(step) else step

    def _marker(self, said: str) -> str | None:
        places = {marker: said.rfind(marker) for marker in self._scripts if marker and marker in said}
        return max(places, key=places.__getitem__, default="" if "" in self._scripts else None)


class _Handler(Handler):
    api: AnthropicApi

    def do_HEAD(self) -> None:
        self.api.others.append(self._request())
        self.send(200, b"", {})

    do_GET = do_HEAD

    def do_POST(self) -> None:
        request = self._request()
        if not request.path.split("?")[0].endswith("/messages"):
            self.api.others.append(request)
            counts = request.path.split("?")[0].endswith("/count_tokens")
            self.send(200 if counts else 404, b'{"input_tokens": 1000}' if counts else b"{}", {})
            return
        step = self.api.next_step(request)
        if isinstance(step, Answer):
            self._answer(request, step)
        elif step.drop:
            self._reset()
        else:
            self.send(step.status, step.content, step.headers)

    def _request(self) -> Request:
        content = self.content()
        try:
            body = json.loads(content) if content else {}
        except ValueError:
            body = {}
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Request(self.command, self.path, headers, body if isinstance(body, dict) else {})

    def _answer(self, request: Request, step: Answer) -> None:
        message = _message(str(request.body.get("model")), step, len(self.api.requests))
        if request.streams:
            self._stream(message, step)
        elif step.cut:
            self._cut(step)
        else:
            headers = {"content-type": "application/json", **step.headers}
            self.send(200, json.dumps(message).encode(), headers)

    def _stream(self, message: dict[str, Any], step: Answer) -> None:
        self.send_response(200)
        for name, value in {"content-type": "text/event-stream", **step.headers}.items():
            self.send_header(name, value)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for event in _events(message):
            data = f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()
            self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
            if step.cut and event["type"] == "content_block_delta":
                self._cut(step)
                return
        self.wfile.write(b"0\r\n\r\n")

    def _cut(self, step: Answer) -> None:
        self.close_connection = True
        if step.cut == "drop":
            self.api.ended.wait(SOON_S)  # else it comes together with the words
            return
        while not self.api.ended.is_set():
            readable, _, _ = select.select([self.connection], [], [], 0.1)
            with suppress(OSError):
                if readable and not self.connection.recv(1024):
                    return  # the client has gone
                continue
            return

    def _reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.wfile = _Nowhere()  # nothing more, not even the end of the headers
        self.connection.close()
        self.rfile.close()


class _Nowhere:
    closed = True

    def write(self, data: bytes) -> int:
        return len(data)

    def flush(self) -> None: ...

    def close(self) -> None: ...


def _message(model: str, step: Answer, number: int) -> dict[str, Any]:
    """The whole message, as it is where nothing is streamed."""
    blocks = [
        {**block, "id": f"toolu_{number:04}_{n}"} if block["type"] == "tool_use" else dict(block)
        for n, block in enumerate(step.blocks)
    ]
    return {
        "id": f"msg_{number:04}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": blocks,
        "stop_reason": step.stop_reason,
        "stop_sequence": None,
        "usage": {
            "input_tokens": step.input_tokens,
            "output_tokens": step.output_tokens,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
        },
    }


def _events(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The message as the events of a stream."""
    begun = {**message, "content": [], "stop_reason": None, "usage": {**message["usage"], "output_tokens": 1}}
    yield {"type": "message_start", "message": begun}
    for index, block in enumerate(message["content"]):
        yield from _block_events(index, block)
    delta = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    yield {"type": "message_delta", "delta": delta, "usage": message["usage"]}
    yield {"type": "message_stop"}


def _block_events(index: int, block: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if block["type"] == "tool_use":
        start: dict[str, Any] = {**block, "input": {}}
        deltas = [{"type": "input_json_delta", "partial_json": json.dumps(block["input"])}]
    else:
        start = {**block, "text": ""}
        half = (len(block["text"]) + 1) // 2
        pieces = (block["text"][:half], block["text"][half:])
        deltas = [{"type": "text_delta", "text": piece} for piece in pieces if piece]
    yield {"type": "content_block_start", "index": index, "content_block": start}
    for delta in deltas:
        yield {"type": "content_block_delta", "index": index, "delta": delta}
    yield {"type": "content_block_stop", "index": index}
