from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cli.driver import Abp
from tests.web.serving import Served, served


@pytest.fixture
def server(abp: Abp) -> Iterator[Served]:
    with served(abp) as running:
        yield running
