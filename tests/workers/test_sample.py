from __future__ import annotations

from pathlib import Path
from typing import Any

from abp_tui.domain.failure import FailureKind
from abp_tui.domain.model import EventKind, Outcome, Timers
from abp_tui.workers.base import Task, make_worker
from abp_tui.workers.cancel import Cancel
from tests.workers.helpers import Recorder, running, wait_for


def run(payload: dict[str, Any], prompt: str = "Summarise it.", **options: Any) -> tuple[Outcome, Recorder]:
    sink = Recorder()
    with Cancel() as cancel:
        task = Task(prompt=prompt, payload=payload, cwd="/", timers=Timers())
        return make_worker("sample", options).run(task, sink, cancel), sink


def test_it_reads_the_file_and_reports_on_it(tmp_path: Path) -> None:
    file = tmp_path / "note.md"
    file.write_text("\nThe extraordinary report.\nIt has two lines of text.\n")
    outcome, sink = run({"file_path": str(file)})
    assert outcome.ok
    assert outcome.output.startswith("note.md: 9 words in 3 lines")
    assert "First line: The extraordinary report." in outcome.output
    assert "Longest word: extraordinary" in outcome.output
    assert "no LLM" in outcome.output
    assert (outcome.usage.cost_usd, outcome.usage.turns) == (0.0, 2)
    assert sink.kinds() == [
        EventKind.NOTICE,
        EventKind.TEXT,
        EventKind.TOOL_CALL,
        EventKind.TOOL_RESULT,
        EventKind.TEXT,
        EventKind.RESULT,
    ]
    assert sink.sessions == [outcome.session_id]


def test_without_a_file_the_prompt_is_the_item() -> None:
    outcome, sink = run({"name": "x"}, "one two three")
    assert outcome.output.startswith("The prompt: 3 words")
    assert EventKind.TOOL_CALL not in sink.kinds()


def test_an_item_that_is_no_text_is_borne(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "bytes").write_bytes(bytes(range(256)))
    assert run({"file_path": str(tmp_path / "empty")})[0].output.startswith("empty: 0 words")
    assert run({"file_path": str(tmp_path / "bytes")})[0].ok


def test_a_file_that_is_gone_is_a_failure(tmp_path: Path) -> None:
    outcome, _ = run({"file_path": str(tmp_path / "gone")})
    assert (outcome.ok, outcome.failure) == (False, FailureKind.AGENT_ERROR)
    assert "gone can't be read: No such file" in outcome.error


def test_it_takes_its_time_and_can_be_stopped() -> None:
    sink, outcomes = Recorder(), list[Outcome]()
    worker = make_worker("sample", {"pace_s": 60})
    task = Task(prompt="x", payload={}, cwd="/", timers=Timers())
    with Cancel() as cancel, running(lambda: outcomes.append(worker.run(task, sink, cancel))):
        wait_for(lambda: EventKind.TEXT in sink.kinds())
        cancel.request()
    assert outcomes[0].failure is FailureKind.INTERRUPTED


def test_probe_says_what_it_is() -> None:
    probe = make_worker("sample", {}).probe()
    assert (probe.available, "no LLM" in probe.detail) == (True, True)
