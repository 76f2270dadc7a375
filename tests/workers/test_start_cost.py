"""A start is measured with all that the program starts, with no login, and with nobody to ask."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from abp_tui.workers.start_cost import measure
from tests.factories import InProcessWorker

MB = 1024 * 1024
ASKS = """
import json, os, socket, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "x = b'x' * 40_000_000; print(1, flush=True); input()"],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
child.stdout.readline()
mine = b"x" * 40_000_000
try:
    socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5)
    said = "somebody is there"
except ConnectionRefusedError:
    said = "refused"
import time; time.sleep(0.2)
json.dump([said, dict(os.environ), os.getcwd(), sys.stdin.read()], open(sys.argv[2], "w"))
child.communicate()
print("done")
"""


class Program(InProcessWorker):
    def __init__(self, code: str, file: Path) -> None:
        super().__init__()
        self._code, self._file = code, file

    def trial(self, api: str, home: str) -> tuple[Sequence[str], Mapping[str, str]] | None:
        return [sys.executable, "-c", self._code, str(urlsplit(api).port), str(self._file)], {"MINE": home}


def test_it_is_the_whole_tree_at_its_peak_and_nobody_pays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "of a person")
    cost = measure(Program(ASKS, tmp_path / "told"))
    assert cost is not None
    assert cost.peak_bytes > 80 * MB
    assert cost.seconds > 0.2
    said, variables, folder, prompt = json.loads((tmp_path / "told").read_text())
    assert said == "refused"
    assert set(variables) - {"LC_CTYPE"} == {"PATH", "HOME", "MINE"}
    assert variables["HOME"] == variables["MINE"] == folder
    assert not Path(folder).exists()
    assert prompt


def test_what_says_nothing_or_has_no_such_start_is_not_measured(tmp_path: Path) -> None:
    assert measure(Program("raise SystemExit(1)", tmp_path / "told")) is None
    assert measure(InProcessWorker()) is None
