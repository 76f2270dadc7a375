"""What the verbs share: opening the store, saying things, JSON, and texts from files."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from abp_tui.cli.text import one_line
from abp_tui.errors import AbpError
from abp_tui.terminal import harmless
from abp_tui.verbs.typed import read_text

if TYPE_CHECKING:
    from abp_tui.orchestrator import Orchestrator
    from abp_tui.store.repository import Repository

LEFT = 130  # by Ctrl-C
QUIET = "abp_tui.cli.quiet"
BY_FLAG = "abp_tui.cli.by_flag"  # the settings that a flag has set, with the flag

F = TypeVar("F", bound=Callable[..., Any])


def job_argument(function: F) -> F:
    """The argument JOB: a name, or an id such as j12."""
    return click.argument("job", metavar="JOB")(function)


def json_option(function: F) -> F:
    """The option --json."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")(function)


def wait_option(function: F) -> F:
    """The option --wait."""
    return click.option("--wait", is_flag=True, help="Wait as `abp wait` does, with its exit codes.")(
        function
    )


def engine_options(function: F) -> F:
    """The options that say where the units of a job run."""
    for option in (
        click.option(
            "--ship-files/--shared-files",
            default=None,
            help="Send each item's file along, or find it on a disk that all machines share.",
        ),
        click.option("--scheduler", metavar="ADDRESS", help="Dask's scheduler, such as tcp://head:8786."),
        click.option(
            "--engine",
            type=click.Choice(["local", "dask"]),
            help="Run on this machine, or on a Dask cluster.",
        ),
    ):
        function = option(function)
    return function


@contextmanager
def placing(
    orchestrator: Orchestrator, job: str, engine: str | None, scheduler: str | None, ship_files: bool | None
) -> Iterator[None]:
    """Keep where the job's units are to run, if that was said, unless what is done within is refused."""
    if engine is None and scheduler is None and ship_files is None:
        yield
        return
    before = orchestrator.repository.jobs.find(job)
    orchestrator.place(job, engine, scheduler, ship_files=ship_files)
    try:
        yield
    except AbpError:
        orchestrator.place(before.id, back_to=before.placement)
        raise


def open_repository() -> Repository:
    """The store that the settings name."""
    from abp_tui.settings import load_settings
    from abp_tui.store.repository import Repository

    return Repository(load_settings().database)


def open_orchestrator() -> Orchestrator:
    """The verbs, over the store that the settings name."""
    from abp_tui.orchestrator import Orchestrator
    from abp_tui.settings import load_settings
    from abp_tui.store.repository import Repository

    settings = load_settings()
    return Orchestrator(Repository(settings.database), settings=settings)


class Terminated(KeyboardInterrupt):
    """TERM or HUP where Ctrl-C would have done the same."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.code = 128 + number


@contextmanager
def ended_as_by_ctrl_c(*numbers: signal.Signals) -> Iterator[None]:
    """Let these signals, by default TERM, do what Ctrl-C does: all is left tidy, and that is said."""

    def interrupt(number: int, _frame: object) -> None:
        raise Terminated(number)

    before = {number: signal.signal(number, interrupt) for number in numbers or (signal.SIGTERM,)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def code_of(interrupt: BaseException | None) -> int:
    """What to exit with after an interrupt."""
    return interrupt.code if isinstance(interrupt, Terminated) else LEFT


def quiet_option() -> click.Option:
    """The option --quiet, which every verb has."""
    return click.Option(
        ["-q", "--quiet"],
        is_flag=True,
        expose_value=False,
        callback=_be_quiet,
        help="Print data and errors only.",
    )


def _be_quiet(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    ctx.meta[QUIET] = ctx.meta.get(QUIET, False) or value


def say(text: str = "", *, nl: bool = True) -> None:
    """Talk, which goes to stderr; none where --quiet was said."""
    ctx = click.get_current_context(silent=True)
    if ctx is None or not ctx.meta.get(QUIET):
        click.echo(text, err=True, nl=nl)


def complain(message: str, hint: str = "") -> None:
    """An error as one line: what is wrong, and in brackets what to do."""
    click.echo(one_line(f"abp: {message} ({hint})" if hint else f"abp: {message}"), err=True)


def put(line: str) -> None:
    """A line of data, which goes to stdout."""
    click.echo(line)


def put_text(text: str) -> None:
    """Foreign text to stdout: whole into a pipe or file, harmless onto a terminal."""
    if text:
        click.echo(harmless(text) if sys.stdout.isatty() else text, nl=not text.endswith("\n"))


def put_json(value: Any) -> None:
    """One JSON document to stdout."""
    put(json.dumps(value, ensure_ascii=False, indent=2))


def text_or_file(value: str | None) -> str | None:
    """The text itself, or with `@FILE` what that file holds; `@-` is stdin."""
    if value is None or not value.startswith("@"):
        return value
    return read_text(Path(value[1:])) if value != "@-" else sys.stdin.read()
