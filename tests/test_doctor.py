from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from abp_tui import doctor
from abp_tui.doctor import Grade
from abp_tui.workers.start_cost import StartCost
from tests.cli.driver import STANDINS


def test_a_network_file_system_is_a_problem_and_the_nearest_mount_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = [
        SimpleNamespace(mountpoint="/", fstype="ext4"),
        SimpleNamespace(mountpoint=str(tmp_path), fstype="nfs4"),
        SimpleNamespace(mountpoint=str(tmp_path) + "-other", fstype="ext4"),
    ]
    monkeypatch.setattr(psutil, "disk_partitions", lambda all: mounts)
    found = {f.about: f for f in doctor.database(tmp_path / "later" / "abp.db")}
    assert found["file system"].grade is Grade.BAD
    assert "nfs4" in found["file system"].detail
    assert "ABP_STORAGE_PATH" in found["file system"].hint
    assert found["database"].detail.endswith("not made yet")


def test_an_installed_agent_is_told_with_its_version_and_what_its_start_took(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", str(STANDINS), prepend=":")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "something")
    claude = next(f for f in doctor.agents({}) if f.about == "claude")
    assert claude.grade is Grade.GOOD
    assert str(STANDINS) in claude.detail
    assert re.search(r"; a start, up to its first request, takes \d+\.\d s and \d+ MB$", claude.detail)


def test_a_missing_agent_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    claude = next(f for f in doctor.agents({}) if f.about == "claude")
    assert claude.grade is Grade.NOTE
    assert "npm install" in claude.hint


def test_the_terminal_is_judged_by_its_environment() -> None:
    plain = {f.about: f for f in doctor.terminal({"TERM": "dumb", "LANG": "C"})}
    assert plain["locale"].grade is Grade.NOTE
    assert plain["terminal"].detail == "none that can draw"
    rich = {"TERM": "tmux-256color", "TMUX": "/tmp/x,1,0", "LANG": "de_DE.UTF-8", "SSH_CONNECTION": "a b"}
    told = {f.about: f.detail for f in doctor.terminal(rich)}
    assert told == {"locale": "UTF-8", "colours": "256", "terminal": "tmux-256color in tmux over SSH"}


def test_too_little_memory_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=200 * doctor.MB))
    assert doctor.memory({}).grade is Grade.BAD
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=3200 * doctor.MB))
    unknown = "3,200 MB free: about 10 agents at a time of 300 MB, which was not measured"
    assert doctor.memory({}).detail == unknown
    starts = {"small": StartCost(1.0, 40 * doctor.MB), "claude": StartCost(1.0, 200 * doctor.MB)}
    detail = doctor.memory(starts).detail
    assert detail.startswith("3,200 MB free: about 16 agents at a time of 200 MB, as claude has at its start")


def test_an_agent_without_a_login_is_a_note_that_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, own_home: Path
) -> None:
    monkeypatch.setenv("PATH", str(STANDINS), prepend=":")
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    claude = next(f for f in doctor.agents({}) if f.about == "claude")
    assert claude.grade is Grade.NOTE
    assert "log in" in claude.detail
    monkeypatch.setenv("ANTHROPIC_API_KEY", "something")
    assert next(f for f in doctor.agents({}) if f.about == "claude").grade is Grade.GOOD
