from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.driver import Abp


@pytest.fixture
def abp(tmp_path: Path) -> Iterator[Abp]:
    """The command with a store, a home and a working folder of its own; no process outlives the test."""
    driver = Abp(tmp_path)
    yield driver
    driver.end_executors()


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    folder.mkdir()
    for n in (1, 2, 3):
        (folder / f"{n}.md").write_text("two words " * n + "\n")
    return folder
