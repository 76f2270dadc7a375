from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.execution.engines.cluster import Cluster, running_cluster
from tests.execution.engines.effects import end_executors


@pytest.fixture(scope="session")
def shared_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two nodes, `a` with four slots and `b` with two, for tests that harm neither."""
    with running_cluster(tmp_path_factory.mktemp("cluster"), a=4, b=2) as cluster:
        yield cluster


@pytest.fixture(autouse=True)
def no_executor_is_left() -> Iterator[None]:
    yield
    end_executors()
