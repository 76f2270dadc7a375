from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from abp_tui.store.repository import Repository
from tests.factories import make_repository


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty home, and none of the settings of whoever runs the tests."""
    import os

    for name in [name for name in os.environ if name.startswith("ABP_")]:
        monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    yield home


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return make_repository(tmp_path)
