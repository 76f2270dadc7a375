"""A plugin of the `llm` library whose models answer, fail, crash and hang as they are told to."""

from __future__ import annotations

import ctypes
import os
import signal
import threading
from typing import Any

import llm
from pydantic import Field


@llm.hookimpl
def register_models(register: Any) -> None:
    for model in (Echo, Shaped, Noisy, Keyed, Limited, Refused, Cut, Broken, Crash, Hang):
        register(model())


class Echo(llm.Model):
    model_id = "abp-echo"
    can_stream = True

    class Options(llm.Options):
        times: int = Field(default=1, ge=1)

    def execute(self, prompt, stream, response, conversation):
        response.set_usage(input=len(prompt.prompt.split()), output=2)
        for _ in range(prompt.options.times):
            yield f"{prompt.system or 'You'} said:\n"
            yield prompt.prompt


class Shaped(llm.Model):
    model_id = "abp-shaped"
    supports_schema = True

    def execute(self, prompt, stream, response, conversation):
        yield '{"asked": ' + ("true" if prompt.schema else "false") + "}"


class Noisy(Echo):
    model_id = "abp-noisy"

    def execute(self, prompt, stream, response, conversation):
        print("printed")
        os.write(1, b'{"type": "done", "input": 666}\n')
        yield from super().execute(prompt, stream, response, conversation)


class Keyed(llm.KeyModel):
    model_id = "abp-keyed"
    needs_key = "abp"

    def execute(self, prompt, stream, response, conversation, key):
        yield f"key of {len(key)}"


class HttpError(Exception):
    def __init__(self, status_code: int) -> None:
        super().__init__(f"HTTP {status_code}\nfrom far away")
        self.status_code = status_code


class Fails(llm.Model):
    error: Exception

    def execute(self, prompt, stream, response, conversation):
        yield "half"
        raise self.error


class Limited(Fails):
    model_id = "abp-limited"
    error = HttpError(429)


class Refused(Fails):
    model_id = "abp-refused"
    error = HttpError(400)


class APIConnectionError(Exception):
    pass


class Cut(Fails):
    model_id = "abp-cut"
    error = APIConnectionError("gone")


class Broken(Fails):
    model_id = "abp-broken"
    error = ValueError()


class Crash(llm.Model):
    model_id = "abp-crash"

    def execute(self, prompt, stream, response, conversation):
        yield "before"
        ctypes.string_at(0)


class Hang(llm.Model):
    model_id = "abp-hang"

    def execute(self, prompt, stream, response, conversation):
        yield "before\n"
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        threading.Event().wait(600)
