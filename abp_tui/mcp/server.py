"""The server: one tool a verb, each a call of the orchestrator as the client that asks."""

from __future__ import annotations

import logging
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, redirect_stdout
from functools import partial
from typing import Annotated, Any, Literal, TypeVar

import anyio
import anyio.to_thread
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations
from pydantic import Field

from abp_tui import __version__
from abp_tui.domain.model import Client
from abp_tui.enumerators.base import registry
from abp_tui.errors import AbpError, PersonNeeded
from abp_tui.mcp.answers import (
    JobAnswer,
    JobsAnswer,
    SourceAnswer,
    SourcesAnswer,
    StatusAnswer,
    StoreAnswer,
    UnitAnswer,
    UnitsAnswer,
)
from abp_tui.mcp.bounds import Bounds
from abp_tui.mcp.elicitation import tell_person
from abp_tui.mcp.telling import tell_job, tell_status, tell_unit, tell_units
from abp_tui.orchestrator import Orchestrator
from abp_tui.settings import Settings
from abp_tui.settling import Settling
from abp_tui.store.repository import Repository
from abp_tui.views import JobView

T = TypeVar("T")
Ctx = Context[Any, Any]
Job = Annotated[str, Field(description="The job's id, such as j12, or its name.")]
State = Literal["pending", "processing", "completed", "failed", "suspect"]

MOST_WAIT_S = 45.0  # clients give a call a minute
LOOK_S = 0.25
PROGRESS_S = 2.0
MOST_JOBS = 50
NAME_CHARS = 80

INSTRUCTIONS = """\
Runs one agent per item over many items, each in a fresh conversation of its own, in a background process.
Make a job with create_job, then start_job: it tests ONE unit. A person looks at the test and approves it in a
terminal; you can't, whatever you are told. Say to them which command, and call wait. Then the batch runs.
Where `waiting_for_person` is set, nothing goes on until that person has decided."""


class Door:
    """What the tools share: the store, the settings, and what the person who started the server allows."""

    def __init__(self, settings: Settings, *, may_approve: bool = False) -> None:
        self.repository = Repository(settings.database)
        self._settings = settings
        self._may_approve = may_approve

    def orchestrator(self, ctx: Ctx) -> Orchestrator:
        """The verbs, as the client on the other end of the line."""
        params = ctx.session.client_params
        name = f"{params.client_info.name} {params.client_info.version}" if params else "an MCP client"
        said = " ".join("".join(char if char.isprintable() else " " for char in name).split())[:NAME_CHARS]
        client = Client(said or "an MCP client", self._may_approve)
        return Orchestrator(self.repository, settings=self._settings, client=client)


async def run_aside(call: Callable[[], T]) -> T:
    """Do what may take a while without keeping the line from others; an `AbpError` is the tool's."""
    try:
        return await anyio.to_thread.run_sync(call, abandon_on_cancel=True)
    except AbpError as error:
        raise ToolError(str(error)) from None


async def decided(ctx: Ctx, orchestrator: Orchestrator, ref: str, verb: Callable[[], Any]) -> JobAnswer:
    """Carry out a verb and tell of the job; what waits for a person is told to that person, too."""
    needed = await run_aside(partial(_refused, verb))
    view = await run_aside(lambda: orchestrator.status(ref))
    if needed is not None and await tell_person(ctx, needed):
        before, view = view, await run_aside(lambda: orchestrator.status(ref))
        if (view.status, view.phase) != (before.status, before.phase):
            needed = None  # the person has decided meanwhile
    return await run_aside(lambda: tell_job(orchestrator, view, needed))


def _refused(verb: Callable[[], Any]) -> PersonNeeded | None:
    try:
        verb()
    except PersonNeeded as needed:
        return needed
    return None


def make_server(settings: Settings, *, may_approve: bool = False) -> MCPServer[Any]:
    """The server over the store that the settings name, not yet listening; raises `StoreError`."""
    server: MCPServer[Any] = MCPServer(
        "abp",
        title="abp",
        instructions=INSTRUCTIONS,
        version=__version__,
        log_level="WARNING",
        lifespan=_prints_aside,
    )
    door = Door(settings, may_approve=may_approve)
    for add in (_add_making, _add_steering, _add_looking, _add_waiting, _add_resources):
        add(server, door)
    return server


@asynccontextmanager
async def _prints_aside(_server: MCPServer[Any]) -> AsyncIterator[None]:
    """What is printed while it serves goes to stderr: the SDK moves the descriptor, but not for ever, and
    what Python still holds back then would come out on the line.
    """
    with redirect_stdout(sys.stderr):
        yield


def run_stdio(server: MCPServer[Any]) -> None:
    """Serve on stdin and stdout until the client goes. Whatever else is printed goes to stderr."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, force=True)
    anyio.run(server.run_stdio_async)


def _add_making(server: MCPServer[Any], door: Door) -> None:
    @server.tool(annotations=ToolAnnotations(read_only_hint=False, destructive_hint=False))
    async def create_job(
        ctx: Ctx,
        name: Annotated[str, Field(description="A unique name.")],
        user_intent: Annotated[str, Field(description="What to do with each item; {field} takes a field.")],
        enumerator_type: Annotated[str, Field(description="A source of list_enumerators: file, csv, json.")],
        enumerator_config: Annotated[dict[str, Any], Field(description="Its settings: base_directory, …")],
        prompt_template: Annotated[
            str | None, Field(description="The whole prompt, in place of ours.")
        ] = None,
        worker: Annotated[
            str | None, Field(description="claude (default), codex, acp, llm, command.")
        ] = None,
        worker_options: Annotated[dict[str, Any] | None, Field(description="E.g. model.")] = None,
        max_workers: Annotated[int | None, Field(description="How many run side by side.")] = None,
        max_retries: int | None = None,
        timeout: Annotated[float | None, Field(description="Seconds of one attempt.")] = None,
        budget_usd: Annotated[float | None, Field(description="No more is spent.")] = None,
        output_schema: Annotated[dict[str, Any] | None, Field(description="JSON schema of results.")] = None,
        post_processing_prompt: Annotated[str | None, Field(description="Runs over all results.")] = None,
        cwd: Annotated[str | None, Field(description="Where the agents run; by default here.")] = None,
    ) -> JobAnswer:
        """Make a job: one unit per item, and its prompt. Nothing runs yet; call start_job next.

        A query or code as the source, a worker `command` or `acp`, and options that let an agent do more than
        by default wait for a person first.
        """
        orchestrator = door.orchestrator(ctx)
        job = await run_aside(
            lambda: orchestrator.create_job(
                name,
                user_intent,
                enumerator_type,
                enumerator_config,
                prompt_template=prompt_template,
                worker=worker,
                worker_options=worker_options,
                max_workers=max_workers,
                max_retries=max_retries,
                timeout=timeout,
                budget_usd=budget_usd,
                output_schema=output_schema,
                post_processing_prompt=post_processing_prompt,
                cwd=cwd,
            )
        )
        return await run_aside(lambda: tell_job(orchestrator, orchestrator.status(job.id)))

    @server.tool(annotations=ToolAnnotations(read_only_hint=False, destructive_hint=False))
    async def start_job(
        ctx: Ctx,
        job: Job,
        approve: Annotated[
            bool | None, Field(description="false rejects a test; true asks a person.")
        ] = None,
        skip_test: Annotated[bool, Field(description="Asks a person to run all without a test.")] = False,
    ) -> JobAnswer:
        """Test one unit of a new job, in the background: returns at once, then call wait.

        After the test a person approves, and the batch runs.
        """
        orchestrator = door.orchestrator(ctx)
        verb = partial(orchestrator.launch_job, job, approve=approve, skip_test=skip_test)
        return await decided(ctx, orchestrator, job, verb)


def _add_steering(server: MCPServer[Any], door: Door) -> None:
    @server.tool(annotations=ToolAnnotations(read_only_hint=False, destructive_hint=False))
    async def pause_job(ctx: Ctx, job: Job) -> JobAnswer:
        """Let running units finish and start no more; ends a running test."""
        orchestrator = door.orchestrator(ctx)
        return await decided(ctx, orchestrator, job, partial(orchestrator.pause, job))

    @server.tool(annotations=ToolAnnotations(read_only_hint=False, destructive_hint=False))
    async def resume_job(ctx: Ctx, job: Job) -> JobAnswer:
        """Go on with a paused or interrupted job, in the background."""
        orchestrator = door.orchestrator(ctx)
        return await decided(ctx, orchestrator, job, partial(orchestrator.resume, job))

    @server.tool(annotations=ToolAnnotations(read_only_hint=False, destructive_hint=False))
    async def retry_job(
        ctx: Ctx,
        job: Job,
        units: Annotated[list[int] | None, Field(description="These seq only; else all that failed.")] = None,
    ) -> JobAnswer:
        """Run failed and suspect units again, in the background."""
        orchestrator = door.orchestrator(ctx)
        return await decided(ctx, orchestrator, job, partial(orchestrator.retry, job, units))


def _add_looking(server: MCPServer[Any], door: Door) -> None:
    looks = ToolAnnotations(read_only_hint=True)

    @server.tool(annotations=looks)
    async def list_enumerators() -> SourcesAnswer:
        """The sources of items, with the settings that create_job takes."""
        return await run_aside(_sources)

    @server.tool(annotations=looks)
    async def list_jobs(ctx: Ctx) -> JobsAnswer:
        """All jobs, newest first."""
        return await run_aside(lambda: _jobs(door.orchestrator(ctx).list_jobs()))

    @server.tool(annotations=looks)
    async def get_job(ctx: Ctx, job: Job) -> JobAnswer:
        """A job with its prompt and settings; while its test waits for review, with what that gave."""
        orchestrator = door.orchestrator(ctx)
        return await run_aside(lambda: tell_job(orchestrator, orchestrator.status(job)))

    @server.tool(annotations=looks)
    async def get_job_status(ctx: Ctx, job: Job) -> StatusAnswer:
        """How far a job is, and what it waits for."""
        return await run_aside(lambda: tell_status(door.orchestrator(ctx).status(job)))

    @server.tool(annotations=looks)
    async def list_units(
        job: Job,
        status: State | None = None,
        after: Annotated[int, Field(description="Only units behind this seq.")] = -1,
        limit: Annotated[int, Field(ge=1, le=100)] = 20,
    ) -> UnitsAnswer:
        """Units in order with their results, long ones cut."""
        return await run_aside(lambda: _units(door.repository, job, status, after, limit))

    @server.tool(annotations=looks)
    async def get_unit(ctx: Ctx, job: Job, seq: int) -> UnitAnswer:
        """A unit with its result and the conversation of its last attempt."""

        def look() -> UnitAnswer:
            found = door.repository.jobs.find(job)
            return tell_unit(door.orchestrator(ctx), door.repository.units.get(found.id, seq))

        return await run_aside(look)


def _add_waiting(server: MCPServer[Any], door: Door) -> None:
    @server.tool(annotations=ToolAnnotations(read_only_hint=True))
    async def wait(
        ctx: Ctx,
        job: Job,
        timeout_s: Annotated[float, Field(ge=0, le=MOST_WAIT_S, description="Up to 45.")] = MOST_WAIT_S,
    ) -> JobAnswer:
        """Wait until a job has ended or needs a person, at most 45 s, and tell of it either way.

        Returns at once where a person must decide; call it again after they have.
        """
        orchestrator = door.orchestrator(ctx)
        view = await _settled(ctx, door.repository, job, timeout_s)
        return await run_aside(lambda: tell_job(orchestrator, view))


async def _settled(ctx: Ctx, repository: Repository, ref: str, seconds: float) -> JobView:
    settling, end, told_at = Settling(), anyio.current_time() + seconds, 0.0
    while True:
        view, settled = await run_aside(lambda: settling.look(repository.jobs.find(ref)))
        now = anyio.current_time()
        if settled or now >= end:
            return view
        if now - told_at >= PROGRESS_S:
            told_at = now
            words = f"{view.ended_units} of {view.total_units} units"
            await ctx.report_progress(view.ended_units, view.total_units or None, words)
        await anyio.sleep(min(LOOK_S, end - now))


def _add_resources(server: MCPServer[Any], door: Door) -> None:
    def views() -> list[JobView]:
        return Orchestrator(door.repository).list_jobs()

    @server.resource("abp://jobs", title="All jobs", mime_type="application/json")
    async def jobs() -> str:
        """All jobs, newest first."""
        return (await run_aside(lambda: _jobs(views()))).model_dump_json()

    @server.resource("abp://status", title="Jobs by state", mime_type="application/json")
    async def status() -> str:
        """How many jobs there are in which state, and which wait for a person."""
        return (await run_aside(lambda: _store(views()))).model_dump_json()


def _jobs(views: list[JobView]) -> JobsAnswer:
    bounds = Bounds(text=500)
    shown = [tell_status(view, bounds) for view in views[:MOST_JOBS]]
    return JobsAnswer(jobs=shown, not_shown=max(0, len(views) - MOST_JOBS))


def _store(views: list[JobView]) -> StoreAnswer:
    counts: dict[str, int] = {}
    for view in views:
        counts[view.status] = counts.get(view.status, 0) + 1
    all_waiting = (tell_status(view, Bounds(text=500)) for view in views[:MOST_JOBS])
    return StoreAnswer(jobs=counts, waiting_for_person=[job for job in all_waiting if job.waiting_for_person])


def _sources() -> SourcesAnswer:
    kinds = (registry.get(name) for name in registry.names())
    return SourcesAnswer(
        enumerators=[
            SourceAnswer(name=k.name, title=k.title, fields=list(k.fields), config_schema=k.schema())
            for k in kinds
        ]
    )


def _units(repository: Repository, ref: str, state: State | None, after: int, limit: int) -> UnitsAnswer:
    job = repository.jobs.find(ref)
    if state is None:
        found = repository.units.page(job.id, after=after, limit=limit)
    else:
        lines = repository.units.lines_in(job.id, state, after=after, limit=limit)
        found = [repository.units.get(job.id, line.seq) for line in lines]
    more = found[-1].seq if len(found) == limit else None
    return UnitsAnswer(units=tell_units(found), next_after=more)
