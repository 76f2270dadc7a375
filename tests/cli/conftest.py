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
def texts(abp: Abp) -> Path:
    """A folder with three texts of 2, 4 and 6 words, and a file that is none."""
    folder = abp.folder / "texts"
    folder.mkdir()
    for number in (1, 2, 3):
        (folder / f"{number}.md").write_text("two words " * number + "\n")
    (folder / "picture.png").write_bytes(b"\x89PNG")
    return folder
