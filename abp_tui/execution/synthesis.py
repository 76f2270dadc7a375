"""The synthesis step: one more unit that runs once over the results of all the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from abp_tui.domain.model import Job
from abp_tui.domain.prompt import PromptTemplate
from abp_tui.export import export_jsonl
from abp_tui.paths import results_path
from abp_tui.store.repository import Repository


class Synthesis:
    """The step of one job, which has a prompt for it."""

    def __init__(self, repository: Repository, job: Job, prompt: str) -> None:
        self.seq = job.counters.total  # the items have the numbers below
        self._repository = repository
        self._job_id = job.id
        self._template = PromptTemplate(prompt)

    def render(self, payload: Mapping[str, Any]) -> str:
        """The prompt of the step."""
        return self._template.render(payload)

    def write_results(self) -> None:
        """Write what the step reads: a JSON line for each item. Raises `InvalidInput` where it can't."""
        path = results_path(self._repository.path, self._job_id)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        export_jsonl(self._repository, self._job_id, path)
