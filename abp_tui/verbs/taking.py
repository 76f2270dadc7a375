"""Taking results out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from abp_tui.verbs.base import Ref, Verbs

if TYPE_CHECKING:
    from abp_tui.export.table import Wanted


class Taking(Verbs):
    """What becomes of a job's results."""

    def export(
        self,
        job_id: Ref,
        target: Path | BinaryIO,
        form: str | None = None,
        wanted: Wanted | None = None,
        told: Callable[[int], None] | None = None,
    ) -> int:
        """Write a job's results to a file as `abp_tui.export.export` does; returns the number of rows."""
        from abp_tui.export import export

        return export(self.repository, self.repository.jobs.find(job_id).id, target, form, wanted, told)
