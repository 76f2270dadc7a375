from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.driver import Abp
from tests.web.serving import Served, served


@pytest.fixture
def abp(tmp_path: Path) -> Iterator[Abp]:
    driver = Abp(tmp_path)
    yield driver
    driver.end_executors()


@pytest.fixture
def server(abp: Abp) -> Iterator[Served]:
    with served(abp) as running:
        yield running
