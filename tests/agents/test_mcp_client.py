"""The real Claude Code as the client of `abp mcp`: it makes a job, is told to wait, and a person approves."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.agents.anthropic_api import Answer, AnthropicApi, Request, text
from tests.agents.claude import outer_variables
from tests.cli.driver import PYTHON, Abp
from tests.mcp.calls import COMMAND, files

pytestmark = [pytest.mark.agents, pytest.mark.timeout(240)]

TOOLS = ("create_job", "start_job", "wait", "get_job_status")


def ask(abp: Abp, claude: Path, api: AnthropicApi, words: str) -> str:
    """Have Claude Code do what the script says, with `abp mcp` as its one server; returns its last words."""
    server = {"command": PYTHON[0], "args": [*PYTHON[1:], "mcp"], "env": {**abp.env, "ABP_SKIP_TEST": "1"}}
    config = json.dumps({"mcpServers": {"abp": server}})
    allowed = ",".join(f"mcp__abp__{tool}" for tool in TOOLS)
    outer = set(outer_variables())
    env = {name: value for name, value in os.environ.items() if name not in outer} | api.environment()
    done = subprocess.run(
        [claude, "-p", words, "--mcp-config", config, "--strict-mcp-config", "--allowedTools", allowed],
        env={**env, "HOME": str(abp.folder / "home")},
        cwd=abp.folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def tool(name: str, arguments: dict[str, Any]) -> Answer:
    return Answer(({"type": "tool_use", "name": f"mcp__abp__{name}", "input": arguments},))


def test_claude_makes_a_job_and_a_person_approves_it(
    abp: Abp, anthropic_api: AnthropicApi, claude_330: Path, tmp_path: Path
) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "a.md").write_text("two words\n")
    heard: list[str] = []

    def after(step: str, **arguments: Any) -> Callable[[Request], Answer]:
        def answer(request: Request) -> Answer:
            heard.append(request.last_said)
            return tool(step, arguments)

        return answer

    def last(request: Request) -> Answer:
        heard.append(request.last_said)
        return text("the person must approve")

    anthropic_api.script(
        tool("create_job", files(notes, worker="command", worker_options=COMMAND)),
        after("start_job", job="j1", approve=True),
        after("start_job", job="j1", skip_test=True),
        last,
        marker="@make@",
    )
    assert "the person must approve" in ask(abp, claude_330, anthropic_api, "@make@ a job")
    assert len(heard) == 3
    assert all("abp approve j1" in said for said in heard), heard
    assert abp.sql("SELECT count(*) FROM attempt") == [(0,)]
    assert abp.json("show", "j1")["client"].startswith("claude-code")

    abp.run("approve", "j1", "--yes")
    heard.clear()
    anthropic_api.script(tool("start_job", {"job": "j1"}), after("wait", job="j1"), last, marker="@go@")
    ask(abp, claude_330, anthropic_api, "@go@ on")
    assert '"phase":"testing"' in heard[0].replace(" ", "")
    assert '"output":"ran\\n"' in heard[1].replace(" ", "")
    assert "abp approve j1" in heard[1]

    abp.run("approve", "j1", "--wait")
    heard.clear()
    anthropic_api.script(tool("get_job_status", {"job": "j1"}), last, marker="@see@")
    ask(abp, claude_330, anthropic_api, "@see@ it")
    assert '"status":"COMPLETED"' in heard[0].replace(" ", "")
