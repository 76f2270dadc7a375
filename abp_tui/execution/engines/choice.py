"""The engine that a job is to run on; an engine is imported only where it is used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

from abp_tui.domain.model import Placement
from abp_tui.errors import EngineUnavailable

if TYPE_CHECKING:
    from abp_tui.execution.engines.base import Machines


@contextmanager
def connected(placement: Placement) -> Iterator[Machines]:
    """The machines that a job's units run on; raises `EngineUnavailable` where they can't be had."""
    if placement.engine == "local":
        from abp_tui.execution.engines.local import ThisMachine

        yield ThisMachine()
        return
    require(placement)
    from abp_tui.execution.engines.dask import DaskCluster

    with DaskCluster(placement) as cluster:
        yield cluster


def require(placement: Placement) -> None:
    """Raise `EngineUnavailable` where the engine's library is not installed."""
    if placement.engine != "dask":
        return
    needed = ["distributed"] if placement.scheduler else ["distributed", "cryptography"]
    for library in needed:
        if find_spec(library) is None:
            hint = "pip install 'abp-tui[dask]', here and on the nodes"
            raise EngineUnavailable(f"the engine dask needs the library {library}", hint)
