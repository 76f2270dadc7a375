from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from abp_tui.store.repository import Repository
from tests.cli.driver import Abp
from tests.faults.rig import Batch

MakeBatch = Callable[..., Batch]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("faults")


@pytest.fixture
def abp(tmp_path: Path) -> Abp:
    """The command, on the store that the batches are in."""
    return Abp(tmp_path)


@pytest.fixture
def make_batch(repository: Repository, tmp_path: Path) -> Iterator[MakeBatch]:
    """Makes running jobs in this test's store; no process of theirs outlives the test."""
    made: list[Batch] = []
    numbers = count(1)

    def make(payloads: list[Any], **more: Any) -> Batch:
        name = f"batch-{next(numbers)}"
        batch = Batch(repository, tmp_path / name, payloads, name=name, **more)
        made.append(batch)
        return batch

    yield make
    for batch in made:
        batch.end()
