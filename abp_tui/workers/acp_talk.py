"""One turn with an agent of the Agent Client Protocol: ours is a thread with the SDK's connection in it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

from acp import (
    PROTOCOL_VERSION,
    Agent,
    Client,
    PromptResponse,
    RequestError,
    RequestPermissionResponse,
    connect_to_agent,
    text_block,
)
from acp.schema import (
    ClientCapabilities,
    Implementation,
    InitializeResponse,
    PermissionOption,
    SessionModeState,
    ToolCallUpdate,
)
from pydantic import ValidationError

from abp_tui import __version__
from abp_tui.domain.failure import FailureKind
from abp_tui.domain.model import Denial, Event, EventKind
from abp_tui.workers.acp_failure import kind_of, words_of
from abp_tui.workers.acp_leave import Leave, Policy
from abp_tui.workers.acp_updates import Updates
from abp_tui.workers.acp_wire import Wire
from abp_tui.workers.base import Sink, Task
from abp_tui.workers.cancel import Cancel
from abp_tui.workers.inlet import Inlet
from abp_tui.workers.loose import Json

ASKING_MODE = "default"  # of the agents that have one: it asks before it changes anything


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a turn came to no answer, as the agent told it."""

    kind: FailureKind
    words: str


class Talk:
    """What is said with an agent from its first message to its answer, its program run by another thread.

    Use it as a context manager around that run: `hear` takes what the program prints, and once it has been
    left, what came of it can be read. It closes the inlet when all is said.
    """

    def __init__(
        self, task: Task, policy: Policy, sink: Sink, *, mode: str | None = None, login: str | None = None
    ) -> None:
        self._task = task
        self._sink = sink
        self._mode = mode
        self._login = login
        self.inlet = Inlet(on_stop=self._on_stop)
        self._over = Cancel()
        self._leave = Leave(policy, sink, self.inlet, self._over)
        self._updates = Updates()
        self._history: Updates | None = None
        self._connection: Agent | None = None
        self._prompted = False
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="acp")
        self._began: Future[None] = Future()
        self._spent_before: float | None = 0.0
        self.stage = "initialize"
        self.session_id: str | None = None
        self.answer: PromptResponse | None = None
        self.problem: Problem | None = None

    # For the thread that runs the program

    def hear(self, data: bytes) -> None:
        """Take in what the agent has printed."""
        asyncio.run_coroutine_threadsafe(self._feed(data), self._loop).result()

    def __enter__(self) -> Talk:
        self._whole = self._thread.submit(lambda: asyncio.run(self._run()))
        self._began.result()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._hang_up)
        try:
            self._whole.result()
        finally:
            self._thread.shutdown()
            self._over.close()
            self.inlet.__exit__()

    # What came of it

    @property
    def output(self) -> str:
        """The agent's last message."""
        return self._updates.last_text

    @property
    def last_tool(self) -> str:
        """The tool that was called last."""
        return self._updates.last_tool

    @property
    def denials(self) -> tuple[Denial, ...]:
        """The tool calls that were not let through."""
        return self._leave.denials

    @property
    def cost_usd(self) -> float | None:
        """What this turn cost. Agents tell of the whole session: None where that is another turn's, too."""
        total, before = self._updates.cost_usd, self._spent_before
        return None if total is None or before is None else max(0.0, total - before)

    # In the thread of the conversation

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._hung_up = asyncio.Event()
        self._wire = Wire(self.inlet, self._on_update, self._on_noise)
        self._began.set_result(None)
        talk = asyncio.create_task(self._converse())
        await self._hung_up.wait()
        await talk

    async def _converse(self) -> None:
        connection = connect_to_agent(cast(Client, _OurSide(self)), self._wire)
        self._connection = cast(Agent, connection)
        try:
            self.answer = await self._turn(self._connection)
        except RequestError as error:
            self.problem = Problem(self._blamed(kind_of(error)), words_of(error))
        except ValidationError as error:
            words = f"its answer to {self.stage} is not of the protocol: {error.error_count()} mistakes"
            self.problem = Problem(FailureKind.AGENT_ERROR, words)
        except ConnectionError:
            pass  # the program has ended: how, the thread that runs it knows
        except _Unusable as unusable:
            self.problem = Problem(FailureKind.REFUSED_TO_START, str(unusable))
        finally:
            self._tell(self._updates.close())
            self.inlet.close()
        await self._hung_up.wait()
        await connection.close()

    def _blamed(self, kind: FailureKind) -> FailureKind:
        """Before the prompt an error that has no other cause is one of the set-up: of no item, of all."""
        setting_up = kind in (FailureKind.AGENT_ERROR, FailureKind.PERMANENT) and not self._prompted
        return FailureKind.REFUSED_TO_START if setting_up else kind

    async def _turn(self, agent: Agent) -> PromptResponse:
        hello = await agent.initialize(
            PROTOCOL_VERSION, ClientCapabilities(), Implementation(name="abp", version=__version__)
        )
        if hello.protocol_version != PROTOCOL_VERSION:
            version = hello.protocol_version
            raise _Unusable(f"it speaks version {version} of the protocol, abp speaks {PROTOCOL_VERSION}")
        if self._login:
            self.stage = "authenticate"
            await agent.authenticate(self._login)
        self.session_id, modes = await self._session(agent, hello)
        goes_on = self.session_id == self._task.session_id
        words = self._task.words if goes_on else self._task.prompt
        self._sink.session(self.session_id)
        mode = await self._set_mode(agent, modes)
        self._notice("init", _introduction(hello, mode))
        self.stage, self._prompted = "session/prompt", True
        return await agent.prompt(session_id=self.session_id, prompt=[text_block(words)])

    async def _session(self, agent: Agent, hello: InitializeResponse) -> tuple[str, SessionModeState | None]:
        """The session to work in: that of an earlier attempt if the agent still has it, else a new one."""
        cwd = self._task.cwd
        if earlier := self._task.session_id:
            self.stage, self._history = "session/load", Updates()
            try:
                modes, known = await _take_up(agent, hello, earlier, cwd)
            except RequestError as error:
                known = False
                self._notice("session", f"{earlier} can't be taken up ({words_of(error)}): a new one begins")
            self._spent_before, self._history = self._history.cost_usd if known else 0.0, None
            if known:
                return earlier, modes
        self.stage = "session/new"
        new = await agent.new_session(cwd=cwd, mcp_servers=[])
        return new.session_id, new.modes

    async def _set_mode(self, agent: Agent, modes: SessionModeState | None) -> str:
        """Put the session in the mode that was asked for, else in one that asks; returns its mode."""
        known = [mode.id for mode in modes.available_modes] if modes else []
        current = modes.current_mode_id if modes else ""
        wanted = self._mode or (ASKING_MODE if ASKING_MODE in known else current)
        if wanted == current:
            return current
        if wanted not in known:
            raise _Unusable(f"it has no mode {wanted!r}: {', '.join(known) or 'it has none at all'}")
        self.stage = "session/set_mode"
        await agent.set_session_mode(mode_id=wanted, session_id=self.session_id or "")
        return wanted

    async def permit(
        self, update: ToolCallUpdate, options: list[PermissionOption]
    ) -> RequestPermissionResponse:
        """Answer a request for leave."""
        call = self._updates.call(update.model_dump(by_alias=True, mode="json", exclude_none=True))
        self._tell(self._updates.flush())
        self._tell(call.announce())
        return await self._leave.decide(call, options)

    async def _feed(self, data: bytes) -> None:
        self._wire.feed(data)

    def _on_update(self, update: Json) -> None:
        if self._history is not None:
            for _ in self._history.feed(update):
                pass  # what was said in an earlier attempt is kept there
            return
        self._tell(self._updates.feed(update))

    def _on_noise(self, words: str) -> None:
        self._notice("output", words)

    def _on_stop(self) -> None:
        """In the thread that runs the program: it is to be asked to end."""
        self._loop.call_soon_threadsafe(self._stop)

    def _stop(self) -> None:
        self._over.request("stopped")
        if self._prompted and self.answer is None and self.problem is None:
            self._stopping = asyncio.create_task(self._cancel())
        else:
            self.inlet.close()

    async def _cancel(self) -> None:
        assert self._connection is not None and self.session_id is not None, "a turn was begun"
        with suppress(ConnectionError):
            await self._connection.cancel(session_id=self.session_id)

    def _hang_up(self) -> None:
        self._over.request("the agent has ended")
        self._wire.end()
        self._hung_up.set()

    def _notice(self, title: str, body: str) -> None:
        self._sink.event(Event(kind=EventKind.NOTICE, title=title, body=body))

    def _tell(self, events: Iterable[Event]) -> None:
        for event in events:
            self._sink.event(event)


class _Unusable(Exception):
    """The agent can't do what the options ask for."""


class _OurSide:
    """What an agent may ask of us: leave, and nothing else. It has the file system itself."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk

    async def session_update(self, **_: Any) -> None:
        """Taken from the wire already."""

    async def request_permission(
        self, session_id: str, tool_call: ToolCallUpdate, options: list[PermissionOption], **_: Any
    ) -> RequestPermissionResponse:
        """Leave for a tool call."""
        return await self._talk.permit(tool_call, options)


async def _take_up(
    agent: Agent, hello: InitializeResponse, session_id: str, cwd: str
) -> tuple[SessionModeState | None, bool]:
    """Go on with a session, in the way that the agent can; its modes, and whether it can at all."""
    can = hello.agent_capabilities
    if can and can.session_capabilities and can.session_capabilities.resume is not None:
        resumed = await agent.resume_session(session_id=session_id, cwd=cwd, mcp_servers=[])
        return resumed.modes, True
    if can and can.load_session:
        loaded = await agent.load_session(session_id=session_id, cwd=cwd, mcp_servers=[])
        return loaded.modes if loaded else None, True
    return None, False


def _introduction(hello: InitializeResponse, mode: str) -> str:
    who = hello.agent_info
    return " ".join(
        part
        for part in (
            (who.title or who.name) if who else "an agent that gives no name",
            who.version if who else "",
            f"in mode {mode}" if mode else "",
        )
        if part
    )
