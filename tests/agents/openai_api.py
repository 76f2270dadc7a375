"""A scripted OpenAI Responses API on 127.0.0.1: each request gets the next reply, the last one for ever."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from tests.agents.http_api import Handler, ScriptedApi

INPUT_TOKENS, OUTPUT_TOKENS = 100, 10  # what each whole reply says that it took


@dataclass(frozen=True)
class Item:
    """A whole reply of one output item, of those that the API knows."""

    item: dict[str, Any]
    deltas: tuple[str, ...] = ()


def says(text: str) -> Item:
    """A plain answer."""
    content = [{"type": "output_text", "text": text, "annotations": []}]
    return Item({"type": "message", "role": "assistant", "content": content}, (text,))


def thinks(summary: str) -> Item:
    """A summary of reasoning, and no answer yet."""
    return Item(
        {
            "type": "reasoning",
            "summary": [{"type": "summary_text", "text": summary}],
            "encrypted_content": None,
        }
    )


def calls(tool: str, **arguments: Any) -> Item:
    """A call of one of the agent's tools."""
    return Item({"type": "function_call", "name": tool, "arguments": json.dumps(arguments)})


def patches(patch: str) -> Item:
    """A call of the agent's tool that edits files."""
    return Item({"type": "custom_tool_call", "name": "apply_patch", "input": patch})


@dataclass(frozen=True)
class Refuses:
    """An HTTP status, with an error object of the API's own form."""

    status: int
    code: str = ""
    message: str = "scripted"
    more: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Drops:
    """Some text, and then the connection is cut."""

    text: str = "half an"


@dataclass(frozen=True)
class Hangs:
    """Some text, and then nothing more, until the server ends."""

    text: str = "wait"


Reply = Item | tuple[Item, ...] | Refuses | Drops | Hangs


class OpenAiApi(ScriptedApi):
    """The server, as a context manager. `requests` has every body that came, `failed` what went wrong."""

    def __init__(self, *replies: Reply) -> None:
        super().__init__(_Handler)
        self.url += "/v1"  # what a client puts `/responses` behind
        self.replies = replies
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []

    def take(self, request: dict[str, Any], headers: dict[str, str]) -> Reply:
        """Keep a request; the reply to it."""
        with self._lock:
            self.requests.append(request)
            self.headers.append(headers)
            return self.replies[min(len(self.requests), len(self.replies)) - 1]


class _Handler(Handler):
    api: OpenAiApi
    numbers = count(1)

    def do_POST(self) -> None:
        body = self.content()
        if not self.path.endswith("/responses"):
            self._refuse(Refuses(404))
            return
        reply = self.api.take(json.loads(body), dict(self.headers))
        if isinstance(reply, Refuses):
            self._refuse(reply)
        else:
            self._stream(reply)

    def do_GET(self) -> None:
        self._refuse(Refuses(404))

    def _refuse(self, reply: Refuses) -> None:
        error = {"type": reply.code or "error", "code": reply.code or None, "message": reply.message}
        body = json.dumps({"error": {**error, **reply.more}}).encode()
        self.send(reply.status, body, {**reply.headers, "content-type": "application/json"})

    def _stream(self, reply: Item | tuple[Item, ...] | Drops | Hangs) -> None:
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        number = next(self.numbers)
        items = reply if isinstance(reply, tuple) else (reply,) if isinstance(reply, Item) else ()
        for event in _begin(number):
            self._send(event)
        if isinstance(reply, Drops | Hangs):
            for event in _deltas(number, (reply.text,)):
                self._send(event)
        if isinstance(reply, Hangs):
            self.api.ended.wait(120)
        for event in (event for n, item in enumerate(items) for event in _item(number, n, item)):
            self._send(event)
        if items:
            self._send(_completed(number, items))

    def _send(self, event: dict[str, Any]) -> None:
        self.wfile.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())
        self.wfile.flush()


def _begin(number: int) -> Iterator[dict[str, Any]]:
    response = {"id": f"resp_{number}", "object": "response", "status": "in_progress", "output": []}
    yield {"type": "response.created", "response": response}


def _deltas(number: int, texts: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    if texts:
        item = {"id": f"msg_{number}", "type": "message", "role": "assistant", "content": []}
        yield {"type": "response.output_item.added", "output_index": 0, "item": item}
    for text in texts:
        yield {
            "type": "response.output_text.delta",
            "item_id": f"msg_{number}",
            "output_index": 0,
            "content_index": 0,
            "delta": text,
        }


def _item(number: int, n: int, item: Item) -> Iterator[dict[str, Any]]:
    yield from _deltas(number, item.deltas)
    call = {"call_id": f"call_{number}_{n}"} if "call" in item.item["type"] else {}
    whole = {"id": f"item_{number}_{n}", **call, **item.item}
    yield {"type": "response.output_item.done", "output_index": n, "item": whole}


def _completed(number: int, items: tuple[Item, ...]) -> dict[str, Any]:
    usage = {
        "input_tokens": INPUT_TOKENS,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": OUTPUT_TOKENS,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS,
    }
    response = {"id": f"resp_{number}", "object": "response", "status": "completed", "usage": usage}
    return {"type": "response.completed", "response": {**response, "output": [item.item for item in items]}}
