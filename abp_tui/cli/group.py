"""The verbs of `abp`: a file per group of them, each imported only when it is called."""

from __future__ import annotations

import os
from importlib import import_module

import click
from click.shell_completion import CompletionItem

from abp_tui import __version__
from abp_tui.cli.app import open_app
from abp_tui.cli.common import BY_FLAG, code_of, complain, quiet_option
from abp_tui.plugins import suggest

VERBS = {
    "abp_tui.cli.new": "new",
    "abp_tui.cli.review": "test answer approve reject prompt",
    "abp_tui.cli.pilot": "pilot mark quote",
    "abp_tui.cli.run": "start pause stop resume waive workers wait",
    "abp_tui.cli.editing": "set",
    "abp_tui.cli.repair": "retry permit",
    "abp_tui.cli.accept": "accept",
    "abp_tui.cli.look": "ls show units events log",
    "abp_tui.cli.failures": "failures",
    "abp_tui.cli.results": "export rm",
    "abp_tui.cli.check": "check",
    "abp_tui.cli.sources": "sources",
    "abp_tui.cli.config": "config",
    "abp_tui.cli.doctor": "doctor",
    "abp_tui.cli.notify": "notify",
    "abp_tui.cli.fields": "fields",
    "abp_tui.cli.completion": "completion",
    "abp_tui.cli.demo": "demo",
    "abp_tui.cli.doors": "mcp serve",
}
ATTRIBUTE_OF = {"set": "set_"}  # where Python has the name already
COMPLETING = "_ABP_COMPLETE"  # what the shell sets where it asks what could stand at the cursor
MODULE_OF = {verb: module for module, verbs in VERBS.items() for verb in verbs.split()}


class Verbs(click.Group):
    """Finds verbs by name and imports the file of the one that is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All verbs, in the order in which a job meets them."""
        return list(MODULE_OF)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The verb; raises a usage error with the nearest name for one that there is not."""
        if cmd_name not in MODULE_OF:
            raise click.UsageError(
                f"there is no verb {cmd_name!r}: {suggest(cmd_name, list(MODULE_OF))}", ctx
            )
        command = getattr(import_module(MODULE_OF[cmd_name]), ATTRIBUTE_OF.get(cmd_name, cmd_name))
        assert isinstance(command, click.Command)
        return _with_what_all_have(command)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The verbs, without loading them."""
        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        return [CompletionItem(verb) for verb in self.list_commands(ctx) if verb.startswith(incomplete)]


def _with_what_all_have(command: click.Command) -> click.Command:
    if not any(parameter.name == "quiet" for parameter in command.params):
        command.params.append(quiet_option())
    if COMPLETING in os.environ:
        from abp_tui.cli.completion import complete_values

        complete_values(command)
    return command


def _use_database(ctx: click.Context, _: click.Parameter, value: str | None) -> None:
    """Have this database be used here and by all that is started, such as executors."""
    from abp_tui import paths

    if value is None:
        return
    if not value:
        raise click.UsageError("--database is empty: name a file, or the folder that it is in", ctx)
    os.environ[paths.STORAGE_VARIABLE] = str(paths.database_path(value))
    ctx.meta[BY_FLAG] = {"storage_path": "--database"}


@click.group(cls=Verbs, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="abp", message="%(prog)s %(version)s")
@click.option(
    "--database",
    metavar="PATH",
    expose_value=False,
    callback=_use_database,
    help="The database, a file or its folder; it goes over ABP_STORAGE_PATH and config.toml.",
)
@click.pass_context
def abp(ctx: click.Context) -> None:
    """Run one agent per item over many items: test one, review it, approve, let the batch run.

    Without a verb it opens the terminal app. Jobs are named by name or id (j12). Data goes to stdout,
    talk to stderr.

    \b
    abp new words --intent "Count the words" --files texts -- wc -w {file_path}
    abp test words
    abp approve words --wait
    abp export words -o words.jsonl
    abp --database other.db ls

    Exit codes: 0 done, 1 failed, 2 can't be done as asked, 3 paused or waiting for you, 4 interrupted,
    5 all have run but some are in doubt, 124 timeout.
    """
    if ctx.invoked_subcommand is None:
        open_app()


def run_verb() -> int:
    """Do what the command line says and return its exit code; errors of ours are left to the caller."""
    try:
        code = abp.main(prog_name="abp", standalone_mode=False)
        click.echo(nl=False)  # flushes
    except click.Abort as error:
        return code_of(error.__cause__)
    except click.UsageError as error:
        complain(error.format_message(), f"see `{error.ctx.command_path} --help`" if error.ctx else "")
        return 2
    except click.ClickException as error:
        complain(error.format_message())
        return 2
    return code if isinstance(code, int) else 0
