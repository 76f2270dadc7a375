from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from abp_tui.domain.failure import FailureKind as F
from abp_tui.workers.claude_failure import classify, limit_resets_at
from abp_tui.workers.claude_stream import ClaudeStream
from abp_tui.workers.process_end import ProcessEnd
from abp_tui.workers.stream_json import outcome_of

NOW = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)


def stream_with(**result: Any) -> ClaudeStream:
    stream = ClaudeStream()
    if result:
        stream.results.append({"type": "result", "is_error": True, **result})
        stream.done = True
    return stream


@pytest.mark.parametrize(
    ("result", "complaint", "kind"),
    [
        ({"api_error_status": 400}, "API Error: 400", F.PERMANENT),
        ({"api_error_status": 403}, "Failed to authenticate. API Error: 403", F.PERMANENT),
        ({"api_error_status": 404}, "There's an issue with the selected model", F.PERMANENT),
        ({"api_error_status": 413}, "Request too large", F.PERMANENT),
        ({"api_error_status": 401}, "Failed to authenticate", F.LOGIN),
        ({"api_error_status": 429}, "API Error: Request rejected (429)", F.TRANSIENT),
        ({"api_error_status": 500}, "API Error: 500", F.TRANSIENT),
        ({"api_error_status": 529}, "API Error: Repeated 529", F.TRANSIENT),
        ({"api_error_status": None}, "Unable to connect to API (ECONNRESET)", F.TRANSIENT),
        ({"api_error_status": 429, "api_error": "usage_limit_reached"}, "", F.USAGE_LIMIT),
        ({"api_error_status": 400}, "You've hit your weekly limit · resets Mon 3pm", F.USAGE_LIMIT),
        ({}, "Claude AI usage limit reached|1795400000", F.USAGE_LIMIT),
        ({"api_error_status": 400}, "Credit balance is too low", F.LOGIN),
        ({}, "Invalid API key · Please run /login", F.LOGIN),
        ({"subtype": "error_max_turns"}, "Reached maximum number of turns (2)", F.AGENT_ERROR),
        ({"subtype": "error_max_structured_output_retries"}, "", F.BAD_OUTPUT),
        ({"subtype": "error_max_budget_usd"}, "Reached maximum budget ($0.06)", F.PERMANENT),
        ({}, "ended without a result, exit code 1: Session ID x is already in use.", F.AGENT_ERROR),
        ({}, "ended without a result, killed by SIGKILL", F.AGENT_ERROR),
    ],
)
def test_the_table(result: dict[str, Any], complaint: str, kind: F) -> None:
    assert classify(stream_with(**result), complaint) is kind


def test_a_rejected_window_is_a_usage_limit_unless_overage_goes_on() -> None:
    stream = stream_with(api_error_status=429)
    stream.limit = {"status": "rejected", "resetsAt": 1795400000}
    assert classify(stream, "API Error") is F.USAGE_LIMIT
    stream.limit = {"status": "rejected", "isUsingOverage": True}
    assert classify(stream, "API Error") is F.TRANSIENT


@pytest.mark.parametrize(
    ("complaint", "moment"),
    [
        ("You've hit your 5-hour limit · resets 2:13am (UTC)", datetime(2026, 11, 23, 2, 13, tzinfo=UTC)),
        ("You've hit your limit · resets 8pm (UTC)", datetime(2026, 11, 22, 20, 0, tzinfo=UTC)),
        ("limit · resets 12am (Europe/Paris)", datetime(2026, 11, 22, 23, 0, tzinfo=UTC)),
        ("Claude AI usage limit reached|1795400000", datetime.fromtimestamp(1795400000, UTC)),
        ("limit · resets 2:13am (No/Where)", None),
        ("limit · resets 99:99am (UTC)", None),
        ("limit reached", None),
    ],
)
def test_the_end_of_a_limit_out_of_its_text(complaint: str, moment: datetime | None) -> None:
    assert limit_resets_at(stream_with(), complaint, NOW) == moment


def test_an_event_knows_the_end_of_a_limit_better_than_text() -> None:
    stream = stream_with()
    stream.limit = {"resetsAt": 1795400000}
    assert limit_resets_at(stream, "resets 2:13am (UTC)", NOW) == datetime.fromtimestamp(1795400000, UTC)


@pytest.mark.parametrize(
    ("stderr", "kind", "hint"),
    [
        ("noise\nerror: unknown option '--x'\n", F.REFUSED_TO_START, "worker options"),
        ("error: option '--model <model>' argument missing", F.REFUSED_TO_START, "worker options"),
        (
            "error: option '--max-turns <turns>' argument 'x' is invalid.",
            F.REFUSED_TO_START,
            "worker options",
        ),
        ("Error: Settings file not found: /x", F.REFUSED_TO_START, "worker options"),
        (
            "Error: Invalid MCP configuration:\nMCP config file not found: /x",
            F.REFUSED_TO_START,
            "worker options",
        ),
        (
            "Error: --json-schema is not a valid JSON Schema: data/type must be",
            F.REFUSED_TO_START,
            "worker options",
        ),
        (
            "--dangerously-skip-permissions cannot be used with root/sudo privileges for security reasons",
            F.REFUSED_TO_START,
            "IS_SANDBOX=1",
        ),
        ("Error: ENOSPC: no space left on device", F.AGENT_ERROR, ""),
    ],
)
def test_a_program_that_did_not_begin_is_judged_by_its_stderr(stderr: str, kind: F, hint: str) -> None:
    outcome = outcome_of(stream_with(), ProcessEnd(exit_code=1, stderr=stderr), "s")
    assert outcome.failure is kind
    assert outcome.error.startswith("ended without a result, exit code 1: ")
    assert hint in outcome.error
    assert "\n" not in outcome.error


def test_stderr_of_a_program_that_began_is_no_refusal() -> None:
    stream = stream_with()
    stream.feed(b'{"type": "system", "subtype": "init", "session_id": "s"}\n')
    end = ProcessEnd(exit_code=1, stderr="Error: EINVAL: invalid argument, read")
    assert outcome_of(stream, end, "s").failure is F.AGENT_ERROR
