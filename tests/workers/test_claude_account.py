from __future__ import annotations

import json
from pathlib import Path

import pytest

from abp_tui.workers.base import make_worker
from abp_tui.workers.claude_account import account, login

KEY = {"ANTHROPIC_API_KEY": "sk-one"}


def test_one_account_is_told_as_one() -> None:
    assert account(KEY, None) == account({**KEY, "PATH": "/bin", "ABP_ATTEMPT": "s:1"}, None)
    assert account(KEY, None) == account(KEY, '{"permissions": {"allow": ["Read"]}}')


@pytest.mark.parametrize(
    "other",
    [
        {},
        {"ANTHROPIC_API_KEY": "sk-two"},
        {"ANTHROPIC_AUTH_TOKEN": "sk-one"},
        {**KEY, "CLAUDE_CODE_OAUTH_TOKEN": "x"},
        {**KEY, "CLAUDE_CONFIG_DIR": "/other"},
        {**KEY, "ANTHROPIC_BASE_URL": "http://127.0.0.1:1"},
        {**KEY, "CLAUDE_CODE_USE_BEDROCK": "1"},
    ],
)
def test_other_accounts_are_told_apart(other: dict[str, str]) -> None:
    assert account(other, None) != account(KEY, None)


@pytest.mark.parametrize("more", [{"env": {"ANTHROPIC_API_KEY": "sk-two"}}, {"apiKeyHelper": "/bin/key"}])
def test_settings_may_name_another_account(more: dict[str, object], tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text(json.dumps(more))
    from_json, from_file = account(KEY, json.dumps(more)), account(KEY, str(tmp_path / "s.json"))
    assert from_json == from_file != account(KEY, None)


@pytest.mark.parametrize("broken", ["{", "/no/such/file", "[]", '{"env": 3}'])
def test_settings_that_cannot_be_read_say_nothing(broken: str) -> None:
    assert account(KEY, broken) == account(KEY, None)


def test_no_key_is_in_the_hash_of_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-secret")
    told = make_worker("claude", {}).account()
    assert told == make_worker("claude", {"model": "opus"}).account()
    assert "secret" not in told
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-other")
    assert make_worker("claude", {}).account() != told


def test_what_there_is_to_log_in_with(tmp_path: Path) -> None:
    folder = {"CLAUDE_CONFIG_DIR": str(tmp_path)}
    assert login(KEY) == "logged in by ANTHROPIC_API_KEY"
    assert login(folder).startswith("no login")
    (tmp_path / ".credentials.json").touch()
    assert login(folder) == "logged in by its credentials file"
