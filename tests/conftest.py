from __future__ import annotations

import os
import signal
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from abp_tui.store.repository import Repository
from tests.cli.driver import Abp
from tests.factories import make_repository

pytest_plugins = ["tests.faults.report"]

settings.register_profile("abp", deadline=None)  # how busy the machine is proves nothing
settings.load_profile("abp")

for ignored in (
    signal.SIGINT,
    signal.SIGHUP,
):  # as under nohup, or behind `&`: all that is started inherits it
    if signal.getsignal(ignored) is signal.SIG_IGN:
        signal.signal(ignored, signal.default_int_handler if ignored == signal.SIGINT else signal.SIG_DFL)

FORBID_SKIPS = bool(os.environ.get("ABP_FORBID_SKIPS"))


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty home, and none of the settings of whoever runs the tests."""
    for name in [name for name in os.environ if name.startswith("ABP_")]:
        monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    yield home


def pytest_xdist_auto_num_workers() -> int:
    """Two for each core: most tests wait for processes half of their time."""
    return 2 * (os.cpu_count() or 1)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return make_repository(tmp_path)


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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Where skips are forbidden, a skip is a failure that gives its reason."""
    report = yield
    if FORBID_SKIPS and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which is forbidden here: {call.excinfo.value if call.excinfo else ''}"
    return report
