"""The worker against a scripted agent: a real process that speaks through the SDK's own side for agents."""

from __future__ import annotations

import select
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from abp_tui.domain.failure import FailureKind
from abp_tui.domain.model import Denial, EventKind, Outcome, Timers, Usage
from abp_tui.errors import InvalidInput, WorkerUnavailable
from abp_tui.workers.acp import AcpWorker
from abp_tui.workers.base import Task, is_warning, make_worker
from abp_tui.workers.cancel import Cancel
from tests.workers.helpers import STANDINS, Recorder, is_alive, running, wait_for

pytestmark = pytest.mark.slow

AGENT = str(STANDINS / "acp_agent.py")
PATIENT = Timers(first_event_s=60, idle_s=60, total_s=60, grace_s=20)


def worker(scene: str, **options: Any) -> AcpWorker:
    made = make_worker("acp", {"argv": [sys.executable, AGENT, scene], **options})
    assert isinstance(made, AcpWorker)
    return made


class Run:
    """One attempt in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sink = Recorder()
        self.cancel = Cancel()

    def __call__(
        self, scene: str, prompt: str = "hello", *, timers: Timers = PATIENT, **more: Any
    ) -> Outcome:
        names = ("session_id", "may_ask", "env", "follow_up")
        given = {name: more.pop(name) for name in names if name in more}
        task = Task(prompt=prompt, payload={}, cwd=str(self.folder), timers=timers, **given)
        with self.cancel:
            return worker(scene, **more).run(task, self.sink, self.cancel)

    def noted(self, words: str) -> bool:
        notes = self.folder / "notes"
        return notes.exists() and words in notes.read_text()

    def notices(self, title: str) -> list[str]:
        return [e.body for e in self.sink.events if e.kind is EventKind.NOTICE and e.title == title]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def test_an_answer_with_its_thoughts_tokens_and_cost(run: Run) -> None:
    outcome = run("text", "what is it?")
    assert outcome.ok
    assert outcome.output == "I was asked: what is it?"
    assert outcome.session_id == "session-1"
    assert outcome.usage == Usage(cost_usd=0.375, input_tokens=100, output_tokens=15)
    told = [(e.kind, e.title, e.body) for e in run.sink.events]
    assert told == [
        (EventKind.NOTICE, "init", "Scripted 1"),
        (EventKind.THINKING, "", "hm, well"),
        (EventKind.TEXT, "", "I was asked: what is it?"),
        (EventKind.RESULT, "end_turn", ""),
    ]
    assert [type(each) for each in run.sink.told[:2]] == [tuple, tuple]  # process and session before all else
    assert run.sink.sessions == ["session-1"]


def test_a_prompt_of_a_megabyte_arrives_whole(run: Run) -> None:
    prompt = "x" * 1024 * 1024 + " ü\n🙂"
    assert run("text", prompt).output == "I was asked: " + prompt


def test_a_tool_call_with_its_change_and_the_plan(run: Run) -> None:
    outcome = run("diff")
    assert outcome.output == "It is written."
    assert outcome.last_tool == "edit"
    told = [(e.kind, e.title, e.ref, e.body) for e in run.sink.events[1:-1]]
    assert told == [
        (EventKind.TEXT, "", "", "First I write."),
        (EventKind.TOOL_CALL, "edit", "t1", '{"path": "a.txt"}'),
        (EventKind.DIFF, "/x/a.txt", "t1", "@@ -1,2 +1,2 @@\n one\n-two\n+three"),
        (EventKind.TOOL_RESULT, "edit", "t1", "written"),
        (EventKind.NOTICE, "plan", "", "[x] write it"),
        (EventKind.TEXT, "", "", "It is written."),
    ]


@pytest.mark.parametrize(
    ("wish", "allow", "deny", "chosen"),
    [
        ("read notes.md", [], [], "once"),
        ("edit notes.md", [], [], "no"),
        ("edit notes.md", ["edit"], [], "once"),
        ("edit notes.md", "edit(*.md)", [], "once"),
        ("edit notes.md", ["edit"], ["edit(notes*)"], "no"),
        ("read notes.md", [], ["read"], "no"),
        ("execute git log; rm -rf x", ["execute(git *)"], [], "no"),
    ],
)
def test_the_rules_answer_for_leave(run: Run, wish: str, allow: Any, deny: list[str], chosen: str) -> None:
    outcome = run("permission", wish, allow=allow, deny=deny)
    assert outcome.ok
    assert outcome.output == f"chosen: {chosen}"
    kind, _, title = wish.partition(" ")
    given = chosen == "once"
    assert outcome.denials == (() if given else (Denial(tool=kind, detail=title),))
    [said] = [e for e in run.sink.events if e.ref == "t1" and e.kind is not EventKind.TOOL_CALL]
    assert said.kind is (EventKind.NOTICE if given else EventKind.DENIED)
    assert said.body.startswith(f"{'allowed' if given else 'denied'}: {wish} (")
    assert run.sink.asked == []


def test_in_a_test_a_person_is_asked_what_no_rule_says(run: Run) -> None:
    run.sink.answer = lambda text, options, over: options[0]
    outcome = run("permission", "edit notes.md", may_ask=True)
    assert run.sink.asked == [("edit: notes.md", ("Always allow", "Allow", "Reject"))]
    assert outcome.output == "chosen: always"
    assert not outcome.denials


def test_a_person_who_says_no_or_nothing_denies(run: Run) -> None:
    for answer, why in (("Reject", "a person said so"), (None, "nobody answered")):
        run.sink.answer = lambda text, options, over, answer=answer: answer
        outcome = run("permission", "edit notes.md", may_ask=True)
        assert outcome.output == "chosen: no"
        assert outcome.denials
        assert any(why in e.body for e in run.sink.events if e.kind is EventKind.DENIED)
        run.cancel = Cancel()


def test_rules_are_not_put_to_a_person(run: Run) -> None:
    assert run("permission", "edit notes.md", may_ask=True, allow=["edit"]).output == "chosen: once"
    run.cancel = Cancel()
    assert run("permission", "edit notes.md", may_ask=True, deny=["edit"]).output == "chosen: no"
    assert run.sink.asked == []


def test_no_timer_runs_while_a_person_is_asked(run: Run) -> None:
    def slow(text: str, options: Sequence[str], over: Cancel) -> str:
        select.select([over], [], [], 3.5)
        return "Allow"

    run.sink.answer = slow
    short = Timers(first_event_s=60, idle_s=3, total_s=0, grace_s=20)
    outcome = run("permission", "edit notes.md", may_ask=True, timers=short)
    assert outcome.output == "chosen: once", outcome.error


def test_a_stop_while_a_person_is_asked(run: Run) -> None:
    def until_over(text: str, options: Sequence[str], over: Cancel) -> None:
        run.cancel.request("stopped by a person")
        assert select.select([over], [], [], 20)[0], "the question was not withdrawn"

    run.sink.answer = until_over
    outcome = run("permission", "edit notes.md", may_ask=True)
    assert outcome.failure is FailureKind.INTERRUPTED
    assert outcome.output == "chosen: nothing"  # the agent was told that its request is void


def test_an_agent_that_dies_while_a_person_is_asked(run: Run) -> None:
    def until_over(text: str, options: Sequence[str], over: Cancel) -> None:
        (run.folder / "asked").touch()
        assert select.select([over], [], [], 20)[0], "the question was not withdrawn"

    run.sink.answer = until_over
    outcome = run("die-while-asking", may_ask=True)
    assert outcome.failure is FailureKind.AGENT_ERROR
    assert "exit code 3" in outcome.error


def test_a_cancel_is_told_to_the_agent_first(run: Run) -> None:
    outcomes: list[Outcome] = []
    with running(lambda: outcomes.append(run("hang"))):
        wait_for(lambda: run.noted("hanging"), 20)
        run.cancel.request("stopped by a person")
    [outcome] = outcomes
    assert outcome.failure is FailureKind.INTERRUPTED
    assert outcome.error == "stopped by a person"
    assert outcome.output == "thinking"
    assert outcome.usage.input_tokens == 100  # it had the time to answer
    assert not is_alive(run.sink.pids[0])


def test_one_that_does_not_heed_a_cancel_is_ended(run: Run) -> None:
    outcomes: list[Outcome] = []
    with running(lambda: outcomes.append(run("deaf"))):
        wait_for(lambda: run.noted("hanging"), 20)
        run.cancel.request("stopped")
        run.cancel.hurry()
    [outcome] = outcomes
    assert outcome.failure is FailureKind.INTERRUPTED
    assert not is_alive(run.sink.pids[0])


def test_an_idle_agent_is_told_and_ended(run: Run) -> None:
    outcome = run("hang", timers=Timers(first_event_s=30, idle_s=2, total_s=30, grace_s=20))
    assert outcome.failure is FailureKind.TIMEOUT_IDLE
    assert outcome.session_id == "session-1"
    assert not is_alive(run.sink.pids[0])


def test_one_that_never_answers_initialize(run: Run) -> None:
    outcome = run("never", timers=Timers(first_event_s=1, idle_s=0, total_s=0, grace_s=20))
    assert outcome.failure is FailureKind.TIMEOUT_FIRST
    assert not is_alive(run.sink.pids[0])


def test_one_that_dies_in_the_middle(run: Run) -> None:
    outcome = run("die")
    assert outcome.failure is FailureKind.AGENT_ERROR
    assert (
        outcome.error == "it ended before it answered session/prompt, exit code 9: acp_agent: out of memory"
    )
    assert outcome.output == "half a word"
    assert outcome.exit_code == 9


def test_one_that_closes_its_output_and_lives_on(run: Run) -> None:
    outcome = run("mute", timers=Timers(first_event_s=60, idle_s=60, total_s=60, grace_s=0.2))
    assert outcome.failure is FailureKind.AGENT_ERROR
    words = "it closed its output before it answered session/prompt: acp_agent: no more words"
    assert outcome.error == words
    assert not is_alive(run.sink.pids[0])


def test_one_that_can_not_be_started_so_holds_the_job(run: Run) -> None:
    outcome = run("exits")
    assert outcome.failure is FailureKind.REFUSED_TO_START
    assert "unknown option --acp" in outcome.error


def test_what_is_no_message_becomes_a_notice(run: Run) -> None:
    outcome = run("garbage")
    assert outcome.output == "clean"
    assert run.notices("output") == ["npm notice", '{"half": ', "[]", '{"id": [], "result": 1}', '{"id": 9}']
    assert run.notices("new") == ['{"sessionUpdate": "new"}']


def test_300_kb_of_complaints_are_drained_and_told(run: Run) -> None:
    outcome = run("noisy")
    assert outcome.output == "quiet again"
    said = [e.body for e in run.sink.events if e.kind is EventKind.STDERR]
    assert sum(body.count("x") for body in said) == 300 * 1023


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("API Error: Request rejected (429)", FailureKind.TRANSIENT),
        ("You've hit your 5-hour limit · resets 2:13am (UTC)", FailureKind.USAGE_LIMIT),
        ("API Error: 401 invalid x-api-key", FailureKind.LOGIN),
        ("API Error: 529 Overloaded", FailureKind.TRANSIENT),
        ("fetch failed: connect ECONNREFUSED 127.0.0.1:1", FailureKind.TRANSIENT),
        ("API Error: 413 too much", FailureKind.PERMANENT),
        ("it is not in the mood", FailureKind.AGENT_ERROR),
    ],
)
def test_what_an_error_means(run: Run, words: str, kind: FailureKind) -> None:
    outcome = run("error", words)
    assert outcome.failure is kind
    assert outcome.error == f"Internal error: {words}"
    assert (outcome.resets_at is not None) == (kind is FailureKind.USAGE_LIMIT)


@pytest.mark.parametrize(
    ("stop", "kind", "words"),
    [
        ("max_tokens", FailureKind.BAD_OUTPUT, "cut off"),
        ("max_turn_requests", FailureKind.AGENT_ERROR, "limit of requests"),
        ("refusal", FailureKind.AGENT_ERROR, "refused"),
        ("cancelled", FailureKind.AGENT_ERROR, "nobody had asked"),
        ("tired", FailureKind.AGENT_ERROR, "its answer to session/prompt is not of the protocol"),
    ],
)
def test_a_turn_that_ends_otherwise(run: Run, stop: str, kind: FailureKind, words: str) -> None:
    outcome = run("stop", stop)
    assert (outcome.ok, outcome.failure) == (False, kind)
    assert words in outcome.error
    assert outcome.output == "so far"


def test_one_that_needs_a_login(run: Run) -> None:
    assert run("login").failure is FailureKind.LOGIN


def test_a_login_that_was_chosen(run: Run) -> None:
    assert run("text", auth_method="some-key").ok
    assert run.noted("authenticated by some-key")


def test_another_version_of_the_protocol(run: Run) -> None:
    outcome = run("other-version")
    assert outcome.failure is FailureKind.REFUSED_TO_START
    assert outcome.error == "it speaks version 99 of the protocol, abp speaks 1"


def test_the_mode_that_asks_is_chosen_unless_another_is(run: Run) -> None:
    assert run("text-modes").ok
    assert run.noted("mode is default")
    assert run.notices("init") == ["Scripted 1 in mode default"]


def test_a_mode_that_is_there_and_one_that_is_not(run: Run) -> None:
    assert run("text-modes", mode="auto").ok
    assert not run.noted("mode is")
    run.cancel = Cancel()
    outcome = run("text-modes", mode="yolo")
    assert outcome.failure is FailureKind.REFUSED_TO_START
    assert outcome.error == "it has no mode 'yolo': auto, default"


def test_a_session_is_loaded_without_its_old_words_and_cost(run: Run) -> None:
    outcome = run("text-load", session_id="earlier")
    assert outcome.ok
    assert run.sink.sessions == ["earlier"]
    assert outcome.usage.cost_usd == 0.125
    assert not any("long ago" in e.body for e in run.sink.events)


def test_a_session_that_goes_on_hears_the_follow_up_and_a_new_one_all(run: Run) -> None:
    outcome = run("text-load", "all of it", session_id="earlier", follow_up="go on")
    assert outcome.output == "I was asked: go on"
    run.cancel = Cancel()
    outcome = run("text-load", "all of it", session_id="gone", follow_up="go on")
    assert outcome.output == "I was asked: all of it"


def test_of_a_resumed_session_the_cost_is_not_known(run: Run) -> None:
    outcome = run("text-resume", session_id="earlier")
    assert outcome.ok
    assert run.sink.sessions == ["earlier"]
    assert outcome.usage.cost_usd is None


def test_a_session_that_is_gone_is_begun_anew(run: Run) -> None:
    outcome = run("text-load", session_id="gone")
    assert outcome.ok
    assert run.sink.sessions == ["session-1"]
    assert outcome.usage.cost_usd == 0.375
    [said] = run.notices("session")
    assert said.startswith("gone can't be taken up (Resource not found")


def test_an_agent_that_keeps_no_sessions_begins_a_new_one(run: Run) -> None:
    assert run("text", session_id="earlier").ok
    assert run.sink.sessions == ["session-1"]


def test_the_environment_is_the_attempt_s(run: Run) -> None:
    outcome = run("text", env={"ABP_ATTEMPT": "x:1"})
    assert outcome.ok
    pid = (run.folder / "began").read_text()
    assert run.sink.pids == [int(pid)]


def test_a_program_that_is_not_there(run: Run) -> None:
    outcome = worker("text", argv=["no-such-agent"]).run(
        Task(prompt="", payload={}, cwd=str(run.folder)), run.sink, run.cancel
    )
    assert outcome.failure is FailureKind.REFUSED_TO_START
    with pytest.raises(WorkerUnavailable, match="no-such-agent"):
        worker("text", argv=["no-such-agent"]).require()
    assert not worker("text", argv=["no-such-agent"]).probe().available
    assert worker("text").probe().available


def test_a_cancel_before_the_start(run: Run) -> None:
    run.cancel.request("stopped")
    assert run("text").failure is FailureKind.INTERRUPTED
    assert run.sink.pids == []


def test_the_sdk_is_loaded_only_where_an_agent_runs() -> None:
    code = "import sys; from abp_tui.workers.base import make_worker; make_worker('acp', {'argv': ['x']})"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; print('acp' in sys.modules)"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.strip() == "False", done.stderr


@pytest.mark.parametrize("rule", ["write", "edit(", "EDIT", ""])
def test_a_rule_without_form_is_refused(rule: str) -> None:
    with pytest.raises(InvalidInput, match="is no rule"):
        worker("text", allow=[rule])


def test_what_the_agent_may_do_in_words() -> None:
    words = worker("text", mode="auto", allow=["edit"], deny=["execute(rm *)"]).permissions()
    assert "in mode auto" in words[0]
    assert "is given leave for: edit" in words
    assert "is never given leave for: execute(rm *)" in words


@pytest.mark.parametrize(
    ("options", "warned"),
    [
        ({"mode": "bypassPermissions"}, True),
        ({"mode": "yolo"}, True),
        ({"allow": ["*"]}, True),
        ({"allow": "*(*)"}, True),
        ({"argv": ["gemini", "--acp", "--yolo"]}, True),
        ({"argv": ["gemini", "--approval-mode=yolo"]}, True),
        ({"mode": "acceptEdits", "allow": ["execute(git *)", "edit", "*(*.md)"]}, False),
        ({"argv": ["gemini", "--yolo-not"]}, False),
    ],
)
def test_an_agent_that_asks_nobody_is_warned_of(options: dict[str, Any], warned: bool) -> None:
    words = make_worker("acp", {"argv": ["gemini", "--acp"], **options}).permissions()
    assert is_warning(words[0]) is warned
    assert sum(map(is_warning, words)) == warned


def test_an_account_is_told_apart_without_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "secret-one")
    one = worker("text").account()
    monkeypatch.setenv("SOME_API_KEY", "secret-two")
    assert worker("text").account() != one
    assert "secret" not in one
