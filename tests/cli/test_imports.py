"""A verb imports what it needs and no more."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from abp_tui.cli.group import MODULE_OF
from tests.cli.driver import Abp

CODE = """
import sys
from abp_tui.cli.group import abp
abp.main(sys.argv[1:], standalone_mode=False)
print(*sys.modules)
"""


def loaded_by(abp: Abp, *verb: str) -> set[str]:
    command = [sys.executable, "-c", CODE, *verb]
    done = subprocess.run(command, cwd=abp.folder, env=abp.env, capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("verb", ["wait w", "export w -o -", "approve --help"])
def test_no_verb_loads_the_app_or_the_watcher(abp: Abp, texts: Path, verb: str) -> None:
    abp.run("new", "w", "--intent", "Look", "--files", texts, "--", "cat")
    loaded = loaded_by(abp, *verb.split())
    assert "abp_tui.cli.common" in loaded
    assert not loaded & {"textual", "rich", "watchfiles"}


def test_looking_needs_no_worker_no_enumerator_and_no_execution(abp: Abp) -> None:
    rooms = ("textual", "abp_tui.workers", "abp_tui.enumerators", "abp_tui.execution", "abp_tui.orchestrator")
    assert not [name for name in loaded_by(abp, "ls") if name.startswith(rooms)]


def test_no_verb_is_bound_to_the_app(abp: Abp) -> None:
    code = "import sys; from importlib import import_module\nfor name in sys.argv[1:]: import_module(name)\n"
    command = [sys.executable, "-c", f"{code}print(*sys.modules)", *MODULE_OF.values()]
    done = subprocess.run(command, cwd=abp.folder, env=abp.env, capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & {"textual", "rich", "pyarrow", "desktop_notifier", "mcp"}


@pytest.mark.parametrize("verb", ["config", "export w -o w.csv", "fields", "doctor --json", "log w --json"])
def test_nor_is_what_it_does(abp: Abp, texts: Path, verb: str) -> None:
    abp.quick("new", "w", "--intent", "Look", "--files", texts, "--worker", "sample")
    assert not loaded_by(abp, *verb.split()) & {"textual", "rich", "pyarrow"}
