from __future__ import annotations

import json
from typing import Any

import pytest

from abp_tui.errors import InvalidInput
from abp_tui.verbs.typed import key_value
from abp_tui.workers.base import make_worker
from abp_tui.workers.value import LONGEST

KEY = "ghp_0123456789"


def server(**words: Any) -> dict[str, Any]:
    return {"mcpServers": {"x": {"command": "x", **words}}}


KEYS = [
    ("claude", {"mcp_config": [json.dumps(server(env={"GITHUB_TOKEN": KEY}))]}),
    ("claude", {"mcp_config": server(env={"GITHUB_TOKEN": KEY})}),
    ("claude", {"mcp_config": [server(headers={"Authorization": f"Bearer {KEY}"})]}),
    ("claude", {"settings": json.dumps({"env": {"ANTHROPIC_API_KEY": KEY}})}),
    ("claude", {"settings": {"env": {"ANTHROPIC_API_KEY": KEY}}}),
    ("codex", {"config": [f'mcp_servers.x.env.GITHUB_TOKEN="{KEY}"']}),
    ("codex", {"config": [f'mcp_servers.x.env={{GITHUB_TOKEN="{KEY}"}}']}),
    ("codex", {"config": [f"mcp_servers.x.env.GITHUB_TOKEN={KEY}"]}),
]


@pytest.mark.parametrize(("name", "options"), KEYS)
def test_a_key_in_settings_is_not_kept(name: str, options: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="looks like a key") as caught:
        make_worker(name, options)
    assert KEY not in str(caught.value)


def test_a_text_that_would_be_json_is_refused_without_being_told() -> None:
    with pytest.raises(InvalidInput, match="begins as JSON") as caught:
        make_worker("claude", {"settings": f'{{"env": {{"A_KEY": "{KEY}"'})
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("claude", {"mcp_config": server(env={"GITHUB_TOKEN": "${GITHUB_TOKEN}", "HOME": "/home/of/x"})}),
        ("claude", {"mcp_config": ["mcp.json", server(headers={"Authorization": "Bearer ${GITHUB_TOKEN}"})]}),
        ("claude", {"settings": {"apiKeyHelper": "/usr/bin/helper", "permissions": {"allow": ["Read"]}}}),
        ("codex", {"config": ['model_providers.x.env_key="SOME_VARIABLE"', "no toml=[at all"]}),
    ],
)
def test_what_names_no_key_is_taken(name: str, options: dict[str, Any]) -> None:
    make_worker(name, options)


def test_an_object_becomes_its_text() -> None:
    texts = ['settings={"env":{}}', 'mcp_config={"mcpServers":{}}']
    options = make_worker("claude", dict(key_value(text, "--worker-option") for text in texts)).options
    assert (options.settings, options.mcp_config) == ('{"env": {}}', ('{"mcpServers": {}}',))
    assert make_worker("claude", options.model_dump(mode="json")).options == options


@pytest.mark.parametrize("name", ["system_prompt", "append_system_prompt", "mcp_config"])
def test_what_no_command_line_takes_is_refused(name: str) -> None:
    def options(value: str) -> dict[str, Any]:
        return {name: {"m": value} if name == "mcp_config" else value}

    room = LONGEST - (len('{"m": ""}') if name == "mcp_config" else 0)
    make_worker("claude", options("x" * room))
    with pytest.raises(InvalidInput, match=f"it is {LONGEST + 1} bytes long") as caught:
        make_worker("claude", options("x" * (room - 1) + "é"))
    assert len(str(caught.value)) < 1000
