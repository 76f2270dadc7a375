"""Agents that print without measure: their unit is recorded, and neither the file nor the executor bursts."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from abp_tui.domain.model import Event, EventKind
from abp_tui.domain.secrecy import Mask
from abp_tui.domain.status import JobStatus, UnitStatus
from abp_tui.execution import attempt
from abp_tui.execution.attempt import MailSink
from abp_tui.execution.executor import JobExecutor
from abp_tui.execution.mailbox import Mailbox
from abp_tui.store.repository import Repository
from abp_tui.store.rows import BODY_CAP
from abp_tui.workers.claude_cli import ClaudeCliWorker, ClaudeOptions
from abp_tui.workers.claude_stream import ClaudeStream
from tests.factories import assert_counters_match, make_job

AGENT = f"""#!{sys.executable}
import json, sys
sys.stdin.read()
def result(**more):
    line = {{"type": "result", "subtype": "success", "result": "fine", "total_cost_usd": 0.01, **more}}
    print(json.dumps(line))
"""
MEGABYTE = 1024 * 1024

ONE_LINE = f"for _ in range(100): sys.stdout.write('x' * {MEGABYTE})\nprint()\nresult()"
NESTED = """sys.stdout.write('{"type":"assistant","message":{"content":[')
for _ in range(100): sys.stdout.write('{"type":"text","text":"' + 'z' * 1000000 + '"},')
print()
result()"""
STDERR = f"for _ in range(100): sys.stderr.write('e' * {MEGABYTE})\nresult()"
COUNTS = "result(num_turns=10**30, usage={'input_tokens': 10**30})"
NAMES = f"""tool = {{"type": "tool_use", "name": "n" * {MEGABYTE}, "id": "i" * {MEGABYTE}, "input": {{}}}}
print(json.dumps({{"type": "assistant", "session_id": "s" * {MEGABYTE}, "message": {{"content": [tool]}}}}))
result()"""


def run_agent(repository: Repository, folder: Path, code: str) -> JobStatus:
    program = folder / "agent"
    program.write_text(f"{AGENT}{code}\n")
    program.chmod(0o755)
    job = make_job(repository, 1, status=JobStatus.RUNNING)
    worker = ClaudeCliWorker(ClaudeOptions(program=str(program)))
    return JobExecutor(repository, job.id, worker).run()


@pytest.mark.parametrize("code", [ONE_LINE, NESTED, STDERR, COUNTS, NAMES])
def test_a_flood_before_the_answer(repository: Repository, tmp_path: Path, code: str) -> None:
    assert run_agent(repository, tmp_path, code) is JobStatus.COMPLETED
    unit = repository.units.get(1, 0)
    assert (unit.status, unit.output, unit.cost_usd) == (UnitStatus.COMPLETED, "fine", 0.01)
    assert repository.path.stat().st_size < 2 * MEGABYTE
    assert_counters_match(repository, 1)


def test_a_complaint_without_end_is_a_line(repository: Repository, tmp_path: Path) -> None:
    code = f"result(is_error=True, result='boom ' * {3 * MEGABYTE})"
    assert run_agent(repository, tmp_path, code) is JobStatus.FAILED
    assert len(repository.units.get(1, 0).error or "") == 500


def test_the_events_of_one_attempt_have_a_bound_and_the_last_one_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(attempt, "CONVERSATION_CAP", 10 * BODY_CAP)
    mailbox = Mailbox()
    first, second = (MailSink(mailbox, n, Mask({})) for n in (1, 2))
    for _ in range(100):
        first.event(Event(kind=EventKind.TEXT, body="x" * 10 * BODY_CAP))
    second.event(Event(kind=EventKind.TEXT, body="short"))
    mail = [(attempt_id, event.body) for attempt_id, _, event in mailbox.collect(0).events]
    kept = [body for attempt_id, body in mail if attempt_id == 1]
    assert len(kept) == 11
    assert max(map(len, kept)) <= BODY_CAP
    assert "rest of this conversation is not kept" in kept[-1]
    assert mail[-1] == (2, "short")


def test_of_earlier_results_only_the_figures_are_held() -> None:
    stream = ClaudeStream()
    for n in range(1, 4):
        line = {"type": "result", "result": "a" * n, "num_turns": n, "total_cost_usd": n}
        stream.feed(json.dumps(line).encode() + b"\n")
    assert [result.get("result") for result in stream.results] == [None, None, "aaa"]
    assert (stream.usage.turns, stream.usage.cost_usd) == (6, 3.0)
