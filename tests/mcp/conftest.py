from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    folder.mkdir()
    for n in (1, 2, 3):
        (folder / f"{n}.md").write_text("two words " * n + "\n")
    return folder
