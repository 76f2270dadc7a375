"""The synthesis step: one more unit that runs once over the results of all the others."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from abp_tui.domain.model import Job
from abp_tui.domain.prompt import PromptTemplate
from abp_tui.errors import InvalidInput, StoreUnavailable
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
        self._writing: Future[None] | None = None

    def render(self, payload: Mapping[str, Any]) -> str:
        """The prompt of the step."""
        return self._template.render(payload)

    def results_written(self) -> bool:
        """Have what the step reads be written, a JSON line for each item; says whether that is done.

        It takes long where there are many, so a thread does it. Raises `StoreUnavailable` where it could not,
        and tries again when asked again.
        """
        if self._writing is None:
            self._writing = ThreadPoolExecutor(1, "results").submit(self._write)
        if not self._writing.done():
            return False
        done, self._writing = self._writing, None
        done.result()
        return True

    def _write(self) -> None:
        path = results_path(self._repository.path, self._job_id)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            export_jsonl(self._repository, self._job_id, path)
        except InvalidInput as error:
            raise StoreUnavailable(error.message, error.hint) from error
        except OSError as error:
            raise StoreUnavailable(f"{path} can't be written: {error.strerror}", "is there room?") from error
