"""A worker that needs no program: it says the prompt in capitals, and fails where it is told to."""

from __future__ import annotations

from pydantic import Field

from abp_tui.domain.failure import FailureKind
from abp_tui.domain.model import Event, EventKind, Outcome
from abp_tui.workers.base import Probe, Sink, Task, Worker, WorkerOptions
from abp_tui.workers.cancel import Cancel


class ShoutOptions(WorkerOptions):
    marks: int = Field(default=1, ge=0, description="Exclamation marks.")


class Shout(Worker[ShoutOptions]):
    name = "shout"
    title = "Shouting"
    Options = ShoutOptions

    def run(self, task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        if "whisper" in task.prompt:
            return Outcome.failed(FailureKind.PERMANENT, "I can't whisper")
        answer = task.prompt.upper() + "!" * self.options.marks
        sink.event(Event(kind=EventKind.TEXT, body=answer))
        return Outcome(ok=True, output=answer)

    def probe(self) -> Probe:
        return Probe(True, "always")

    def permissions(self) -> list[str]:
        return ["shouts"]
