"""A scripted agent of the Agent Client Protocol. Its first argument says what it does with a prompt."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path
from typing import Any

SCENE = sys.argv[1]

if SCENE == "never":  # answers nothing at all
    sys.stdin.buffer.read()
    time.sleep(600)
if SCENE == "exits":
    sys.exit("acp_agent: unknown option --acp")

import acp  # noqa: E402
from acp import schema  # noqa: E402

SESSION = "session-1"
OPTIONS = [
    schema.PermissionOption(option_id="always", name="Always allow", kind="allow_always"),
    schema.PermissionOption(option_id="once", name="Allow", kind="allow_once"),
    schema.PermissionOption(option_id="no", name="Reject", kind="reject_once"),
]


class Agent:
    client: Any

    def __init__(self) -> None:
        self.cancelled = asyncio.Event()

    def on_connect(self, client: Any) -> None:
        self.client = client

    async def initialize(self, protocol_version: int, **_: Any) -> Any:
        return acp.InitializeResponse(
            protocol_version=99 if SCENE == "other-version" else protocol_version,
            agent_info=schema.Implementation(name="scripted", title="Scripted", version="1"),
            agent_capabilities=schema.AgentCapabilities(
                load_session="load" in SCENE,
                session_capabilities=schema.SessionCapabilities(
                    resume=schema.SessionResumeCapabilities() if "resume" in SCENE else None
                ),
            ),
        )

    async def authenticate(self, method_id: str, **_: Any) -> Any:
        await self.note(f"authenticated by {method_id}")

    async def new_session(self, cwd: str, **_: Any) -> Any:
        if SCENE == "login":
            raise acp.RequestError.auth_required()
        Path(cwd, "began").write_text(str(os.getpid()))
        return acp.NewSessionResponse(session_id=SESSION, modes=modes())

    async def load_session(self, cwd: str, session_id: str, **_: Any) -> Any:
        if session_id != "earlier":
            raise acp.RequestError.resource_not_found(session_id)
        await self.say("said long ago")
        await self.spent(0.25)
        return acp.LoadSessionResponse(modes=modes())

    async def resume_session(self, cwd: str, session_id: str, **_: Any) -> Any:
        return schema.ResumeSessionResponse(modes=modes())

    async def set_session_mode(self, mode_id: str, session_id: str, **_: Any) -> Any:
        await self.note(f"mode is {mode_id}")

    async def cancel(self, session_id: str, **_: Any) -> None:
        if SCENE != "deaf":
            self.cancelled.set()

    async def prompt(self, session_id: str, prompt: list[Any], **_: Any) -> Any:
        scene = getattr(self, f"scene_{SCENE.replace('-', '_').removesuffix('_load')}", self.scene_text)
        stop = await scene(prompt[0].text)
        usage = schema.Usage(
            total_tokens=115, input_tokens=90, output_tokens=15, cached_read_tokens=7, cached_write_tokens=3
        )
        return acp.PromptResponse.model_construct(stop_reason=stop or "end_turn", usage=usage)

    async def scene_text(self, prompt: str) -> None:
        await self.update(acp.update_agent_thought_text("hm, "))
        await self.update(acp.update_agent_thought_text("well"))
        for piece in ("I was ", "asked: ", prompt):
            await self.say(piece)
        await self.spent(0.375)

    async def scene_diff(self, prompt: str) -> None:
        await self.say("First I write.")
        start = acp.start_tool_call("t1", "Preparing…", kind="edit", status="pending")
        await self.update(start)
        change = acp.tool_diff_content("/x/a.txt", "one\nthree\n", "one\ntwo\n")
        await self.update(
            acp.update_tool_call("t1", title="Write a.txt", raw_input={"path": "a.txt"}, content=[change])
        )
        await self.update(acp.update_tool_call("t1", status="completed", raw_output="written"))
        await self.update(acp.update_plan([acp.plan_entry("write it", status="completed")]))
        await self.say("It is written.")

    async def scene_permission(self, prompt: str) -> str | None:
        kind, _, title = prompt.partition(" ")
        call = schema.ToolCallUpdate(
            tool_call_id="t1", kind=kind, title=title, raw_input={"of": "no interest"}
        )
        reply = await self.client.request_permission(session_id=SESSION, tool_call=call, options=OPTIONS)
        chosen = getattr(reply.outcome, "option_id", "nothing")
        await self.say(f"chosen: {chosen}")
        return "cancelled" if chosen == "nothing" else None

    async def scene_die_while_asking(self, prompt: str) -> None:
        call = schema.ToolCallUpdate(tool_call_id="t1", kind="edit", title="Write it")
        asking = asyncio.create_task(
            self.client.request_permission(session_id=SESSION, tool_call=call, options=OPTIONS)
        )
        await self.until_there("asked")
        del asking
        os._exit(3)

    async def scene_hang(self, prompt: str) -> str:
        await self.say("thinking")
        await self.note("hanging")
        await self.cancelled.wait()
        return "cancelled"

    scene_deaf = scene_hang

    async def scene_die(self, prompt: str) -> None:
        await self.say("half a word")
        sys.stderr.write("acp_agent: out of memory\n")
        sys.stderr.flush()
        os._exit(9)

    async def scene_mute(self, prompt: str) -> None:
        """Closes its output and lives on, deaf to the end of its input."""
        sys.stderr.write("acp_agent: no more words\n")
        sys.stderr.flush()
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        time.sleep(600)

    async def scene_garbage(self, prompt: str) -> None:
        await asyncio.sleep(0)
        for line in (b"npm notice\n", b'{"half": \n', b"[]\n", b'{"id": [], "result": 1}\n', b'{"id": 9}\n'):
            os.write(1, line)
        new = (
            b'{"jsonrpc": "2.0", "method": "session/update", "params": {"update": {"sessionUpdate": "new"}}}'
        )
        os.write(1, new + b"\n")
        await self.say("clean")

    async def scene_noisy(self, prompt: str) -> None:
        for _ in range(300):
            sys.stderr.write("x" * 1023 + "\n")
        await self.say("quiet again")

    async def scene_error(self, prompt: str) -> None:
        raise acp.RequestError.internal_error({"details": prompt})

    async def scene_stop(self, prompt: str) -> str:
        await self.say("so far")
        return prompt

    async def scene_setsid(self, prompt: str) -> None:
        """Leaves a child in a session of its own."""
        if not (child := os.fork()):
            os.setsid()
            time.sleep(600)
        await self.say(str(child))

    async def say(self, words: str) -> None:
        await self.update(acp.update_agent_message_text(words))

    async def spent(self, amount: float) -> None:
        cost = schema.Cost(amount=amount, currency="USD")
        await self.update(schema.UsageUpdate(session_update="usage_update", used=1, size=2, cost=cost))

    async def note(self, words: str) -> None:
        """Leave a trace that a test can wait for."""
        with Path("notes").open("a") as file:
            file.write(words + "\n")

    async def until_there(self, name: str) -> None:
        while not Path(name).exists():
            await asyncio.sleep(0.01)

    async def update(self, update: Any) -> None:
        await self.client.session_update(session_id=SESSION, update=update)


def modes() -> Any:
    if "modes" not in SCENE:
        return None
    known = [schema.SessionMode(id=name, name=name) for name in ("auto", "default")]
    return schema.SessionModeState(current_mode_id="auto", available_modes=known)


asyncio.run(acp.run_agent(Agent(), use_unstable_protocol=True))
