"""The other doors: a server for MCP clients, and one for browsers."""

from __future__ import annotations

import click

from abp_tui.errors import WorkerUnavailable


@click.command()
@click.option(
    "--allow-approve",
    is_flag=True,
    help="Let clients approve, skip tests and run programs, code and queries without a person.",
)
def mcp(allow_approve: bool) -> None:
    """Serve assistants over the Model Context Protocol, on stdin and stdout.

    Approving a test, skipping one, the workers `command` and `acp`, wider permissions and queries or code as
    a source wait for you, in `abp` or by `abp approve`. That guards against clients without a shell of their
    own: one that can run commands can run that one.

    \b
    claude mcp add abp -- abp mcp
    """
    try:
        from abp_tui.mcp.server import make_server, run_stdio
    except ModuleNotFoundError as error:
        raise _missing(error, "mcp") from None
    from abp_tui.settings import load_settings

    run_stdio(make_server(load_settings(), may_approve=allow_approve))


def _missing(error: ModuleNotFoundError, extra: str) -> WorkerUnavailable:
    return WorkerUnavailable(
        f"`abp {extra}` needs the library {error.name}, which is not installed",
        f"pip install 'abp-tui[{extra}]'",
    )
