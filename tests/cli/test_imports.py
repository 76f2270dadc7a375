"""A verb imports what it needs and no more."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.cli.driver import Abp

LOADED = (
    "import sys; from abp_tui.cli import abp; abp.main({verb!r}, standalone_mode=False); print(*sys.modules)"
)
HEAVY = {"textual", "rich", "watchfiles", "asyncio"}


@pytest.mark.parametrize("verb", [["ls"], ["wait", "w"], ["export", "w", "-o", "-"], ["retry", "--help"]])
def test_no_verb_loads_the_app_or_the_watcher(abp: Abp, texts: str, verb: list[str]) -> None:
    abp.run("new", "w", "--intent", "Look", "--files", texts, "--", "cat")
    code = LOADED.format(verb=verb)
    done = subprocess.run(
        [sys.executable, "-c", code], env=abp.env, capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.splitlines()[-1].split())
    assert "abp_tui.cli" in loaded
    assert not loaded & HEAVY


def test_ls_needs_no_worker_no_enumerator_and_no_execution(abp: Abp) -> None:
    code = LOADED.format(verb=["ls"])
    done = subprocess.run(
        [sys.executable, "-c", code], env=abp.env, capture_output=True, text=True, check=True
    )
    loaded = done.stdout.splitlines()[-1].split()
    rooms = ("abp_tui.workers", "abp_tui.enumerators", "abp_tui.execution", "abp_tui.orchestrator")
    assert not [name for name in loaded if name.startswith(rooms)]
