"""A line that says why an agent can't run here; there is none where it can."""

from __future__ import annotations

from textual import work
from textual.widgets import Static

from abp_tui.tui.widgets.text import one_line
from abp_tui.workers.base import Probe, make_worker

NAMED_BY_THE_JOB = ("command",)  # what it runs is known once the job says it


class AgentLine(Static):
    """Asks the machine for the program of a worker, beside the typing."""

    DEFAULT_CSS = """
    AgentLine { color: $text-warning; height: auto; display: none; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, markup=False)
        self._worker = ""

    def ask(self, worker: str) -> None:
        """Say how it is with this worker, once that is known."""
        self._worker, self.display = worker, False
        if worker not in NAMED_BY_THE_JOB:
            self._probe(worker)

    @work(thread=True, group="probe", exit_on_error=False)
    def _probe(self, worker: str) -> None:
        self.app.call_from_thread(self._say, worker, make_worker(worker, {}).probe())

    def _say(self, worker: str, probe: Probe) -> None:
        if worker == self._worker and self.is_attached:
            self.display = not probe.available
            self.update(one_line(f"{probe.detail}: {probe.hint}", 400))
