from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from abp_tui.domain.failure import FailureKind as F
from abp_tui.workers.codex_failure import classify, limit_resets_at


@pytest.mark.parametrize(
    ("complaint", "kind"),
    [
        ("You’ve hit your usage limit. Try again later.", F.USAGE_LIMIT),
        ("To use Codex with your ChatGPT plan, upgrade to Plus: https://x", F.LOGIN),
        ("Missing environment variable: `OPENAI_API_KEY`.", F.LOGIN),
        ("Your access token could not be refreshed. Please log out and sign in again.", F.LOGIN),
        ("unexpected status 402 Payment Required: , url: http://x", F.LOGIN),
        ("unexpected status 413 Payload Too Large: too large, url: http://x", F.PERMANENT),
        ("Codex ran out of room in the model's context window.", F.PERMANENT),
        ("unexpected status 502 Bad Gateway: Unknown error, url: http://x", F.TRANSIENT),
        ("stream disconnected before completion: idle timeout waiting for SSE", F.TRANSIENT),
        ("Connection failed: error sending request", F.TRANSIENT),
        ("Error: turn/start: turn/start failed: Input exceeds the maximum length of 1048576", F.BAD_INPUT),
        ("exit code 1: No prompt provided via stdin.", F.BAD_INPUT),
        ("exit code 1: Not inside a trusted directory and --skip-git-repo-check was", F.REFUSED_TO_START),
        ("error: unexpected argument '--jsn' found", F.REFUSED_TO_START),
        ("Error: Model provider `none` not found", F.REFUSED_TO_START),
        ("Error loading config.toml: invalid type: integer `3`", F.REFUSED_TO_START),
        ("exit code 101: thread 'main' panicked", F.AGENT_ERROR),
    ],
)
def test_the_table(complaint: str, kind: F) -> None:
    assert classify(complaint) is kind


@pytest.fixture
def in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


NOW = datetime(2026, 11, 24, 17, 0, 30, tzinfo=UTC)  # 18:00:30 there


@pytest.mark.parametrize(
    ("said", "moment"),
    [
        ("try again at 6:15 PM.", datetime(2026, 11, 24, 17, 16)),
        ("try again at 6:00 PM.", datetime(2026, 11, 24, 17, 1)),
        ("try again at 5:59 PM.", datetime(2026, 11, 25, 17, 0)),
        ("try again at 12:05 AM.", datetime(2026, 11, 24, 23, 6)),
        ("or try again at Nov 27th, 2026 5:17 PM.", datetime(2026, 11, 27, 16, 18)),
        ("try again at Jul 1st, 2027 5:17 AM.", datetime(2027, 7, 1, 3, 18)),
        ("try again at Foo 1st, 2027 5:17 AM.", None),
        ("try again at 5:77 AM.", None),
        ("Try again later.", None),
    ],
)
def test_when_a_limit_ends_is_told_in_the_time_of_the_machine(
    said: str, moment: datetime | None, in_berlin: None
) -> None:
    assert limit_resets_at(said, NOW) == (moment and moment.replace(tzinfo=UTC))
