"""The workers to choose from, and a line that says why one can't run here; there is none where it can."""

from __future__ import annotations

from collections.abc import Iterator

from textual import work
from textual.widgets import Static

from abp_tui.errors import AbpError
from abp_tui.tui.widgets.text import one_line
from abp_tui.workers.base import Probe, make_worker, registry, runs_any_program

PREFERRED = ("claude", "codex")
USUAL = ("claude", "command")  # stand first in the list


def workers() -> Iterator[tuple[str, str]]:
    """All workers, what to call each and its name; without those of other packages that can't be loaded."""
    for name in sorted(registry.names(), key=lambda name: name not in USUAL):
        try:
            yield one_line(f"{name}: {registry.get(name).title}", 60), name
        except AbpError:
            continue


def first_worker() -> str:
    """The first of the preferred ones whose program is here, else the first of them."""
    for name in PREFERRED:
        try:
            make_worker(name, {}).require()
        except AbpError:
            continue
        return name
    return PREFERRED[0]


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
        if not runs_any_program(worker):  # of those it is known once the job says it
            self._probe(worker)

    @work(thread=True, group="probe", exit_on_error=False)
    def _probe(self, worker: str) -> None:
        self.app.call_from_thread(self._say, worker, make_worker(worker, {}).probe())

    def _say(self, worker: str, probe: Probe) -> None:
        if worker == self._worker and self.is_attached:
            self.display = not probe.available
            self.update(one_line(f"{probe.detail}: {probe.hint}", 400))
