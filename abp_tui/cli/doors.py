"""The other doors: a server for MCP clients, and one for browsers."""

from __future__ import annotations

import ipaddress
import json
import sys

import click

from abp_tui.cli.common import json_option, open_repository, say
from abp_tui.errors import AbpError


@click.command()
@click.option(
    "--allow-approve",
    is_flag=True,
    help="Let clients approve, skip tests and run programs, code and queries without a person.",
)
def mcp(allow_approve: bool) -> None:
    """Serve assistants over the Model Context Protocol, on stdin and stdout.

    Approving a test, skipping one, accepting what is suspect, the workers `command` and `acp`, wider
    permissions and queries or code as a source wait for you, in `abp` or by `abp approve`. That guards
    against clients without a shell of their own: one that can run commands can run that one.

    \b
    claude mcp add abp -- abp mcp
    """
    try:
        from abp_tui.mcp.server import make_server, run_stdio
    except ModuleNotFoundError as error:
        raise _missing(error, "mcp", "mcp") from None
    from abp_tui.settings import load_settings

    run_stdio(make_server(load_settings(), may_approve=allow_approve))


def _missing(error: ModuleNotFoundError, extra: str, verb: str) -> AbpError:
    return AbpError(
        f"`abp {verb}` needs the library {error.name}, which is not installed",
        f"pip install 'abp-tui[{extra}]'",
    )


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port", default=8717, show_default=True, type=click.IntRange(0, 65535), help="0: any free one."
)
@json_option
def serve(host: str, port: int, as_json: bool) -> None:
    """Serve the app to a browser and print its address, until Ctrl-C; jobs that run go on.

    The address holds a secret: whoever has it can do what you can. It is new each time. Only this machine can
    open it, unless --host names an address that others reach; for another machine better forward the port.

    \b
    abp serve
    ssh -L 8717:127.0.0.1:8717 server abp serve
    """
    try:
        from abp_tui.web.server import serve as serve_app
    except ModuleNotFoundError as error:
        raise _missing(error, "web", "serve") from None
    out = sys.stdout

    def tell(address: str) -> None:
        click.echo(json.dumps({"url": address}) if as_json else address, file=out)
        out.flush()

    if not _is_local(host):
        say(f"abp: who reaches {host} and has this address can press keys, and the line is not encrypted")
    open_repository()  # so that a store that can't be opened is told here
    serve_app(host, port, tell)


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
