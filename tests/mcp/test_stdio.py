"""`abp mcp` as a client starts it: a real process, its stdin and stdout the line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.types import Implementation

from tests.cli.driver import PYTHON, Abp
from tests.mcp.calls import COMMAND, call, files

pytestmark = pytest.mark.slow

NOISY = """
import os, subprocess, sys
from abp_tui.enumerators.file import FileEnumerator

items = FileEnumerator.items

def noisily(self):
    print("printed by a library")
    os.write(1, b"written past Python\\n")
    subprocess.run(["echo", "printed by a child"])
    yield from items(self)

FileEnumerator.items = noisily
from abp_tui.cli import main
sys.argv = ["abp", "mcp"]
main()
"""


def connected(abp: Abp, argv: list[str], errlog: Any = sys.stderr) -> Client:
    server = StdioServerParameters(command=argv[0], args=argv[1:], env=abp.env, cwd=abp.folder)
    return Client(stdio_client(server, errlog=errlog), client_info=Implementation(name="robot", version="1"))


async def test_a_job_over_stdio_with_a_person_at_the_command_line(abp: Abp, notes: Path) -> None:
    async with connected(abp, [*PYTHON, "mcp"]) as client:
        made = await call(client, "create_job", **files(notes, worker="command", worker_options=COMMAND))
        command = made["waiting_for_person"]["command"]
        assert command == "abp approve j1"
        abp.run(*command.split()[1:], "--yes")
        await call(client, "start_job", job="j1")
        tested = await call(client, "wait", job="j1")
        assert tested["test"]["output"] == "ran\n"
        abp.run(*tested["waiting_for_person"]["command"].split()[1:])
        assert (await call(client, "wait", job="j1"))["job"]["status"] == "COMPLETED"
    assert abp.json("show", "words")["client"] == "robot 1"


async def test_the_executor_outlives_the_server(abp: Abp, notes: Path) -> None:
    async with connected(abp, [*PYTHON, "mcp"]) as client:
        await call(client, "create_job", **files(notes, worker_options={"pace_s": 1.0}))
        await call(client, "start_job", job="j1")
    abp.until(lambda: abp.json("show", "words")["phase"] == "review", "the test is done")


async def test_nothing_but_the_protocol_is_on_stdout(abp: Abp, notes: Path, tmp_path: Path) -> None:
    """What a library, a child and C code print goes to stderr; the client would choke on it."""
    with (tmp_path / "stderr.txt").open("w+") as stderr:
        async with connected(abp, [sys.executable, "-c", NOISY], stderr) as client:
            assert (await call(client, "create_job", **files(notes)))["job"]["total_units"] == 3
        stderr.seek(0)
        said = stderr.read()
    for words in ("printed by a library", "written past Python", "printed by a child"):
        assert words in said


def test_each_line_of_stdout_is_a_message_and_the_end_of_stdin_ends_it(abp: Abp, notes: Path) -> None:
    messages = [
        {
            "id": 1,
            "method": "initialize",
            "params": {
                "protocolVersion": "2025-06-18",
                "capabilities": {},
                "clientInfo": {"name": "r", "version": "1"},
            },
        },
        {"method": "notifications/initialized"},
        {"id": 2, "method": "tools/call", "params": {"name": "create_job", "arguments": files(notes)}},
    ]
    with subprocess.Popen(
        [sys.executable, "-c", NOISY],
        cwd=abp.folder,
        env=abp.env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        assert server.stdin and server.stdout
        for message in messages:
            server.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        server.stdin.flush()
        answers = [json.loads(server.stdout.readline()) for _ in range(2)]
        server.stdin.close()
        assert server.stdout.read() == ""
        assert server.wait(30) == 0
    assert [answer["id"] for answer in answers] == [1, 2]
    assert answers[1]["result"]["structuredContent"]["job"]["id"] == "j1"


@pytest.mark.parametrize(("verb", "library"), [("mcp", "mcp"), ("serve", "textual_serve")])
def test_a_missing_library_is_one_line(abp: Abp, verb: str, library: str) -> None:
    """As if the extra had not been installed: its import fails."""
    code = f"import sys; sys.modules[{library!r}] = None; sys.argv = ['abp', {verb!r}]; "
    done = subprocess.run(
        [sys.executable, "-c", code + "from abp_tui.cli import main; main()"],
        env=abp.env,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert f"abp-tui[{'mcp' if verb == 'mcp' else 'web'}]" in line
