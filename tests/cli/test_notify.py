"""Notices go out once for each occasion, over a real server and a real program, and never hurt a job."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from abp_tui.notify import Notice
from abp_tui.notify.channels import Desktop, Undelivered
from tests.cli.driver import Abp
from tests.cli.test_terminal import Terminal
from tests.waiting import wait_until

pytestmark = pytest.mark.slow


class Hook:
    """An HTTP server that keeps what it is sent and answers as it is told to."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.answers: list[int] = []
        self.held = threading.Event()
        self.held.set()
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                hook.held.wait(30)
                body = self.rfile.read(int(self.headers["Content-Length"]))
                code = hook.answers.pop(0) if hook.answers else 200
                if code == 200:
                    hook.got.append(json.loads(body))
                hook.paths.append(self.path)
                self.send_response(code)
                self.send_header("Location", hook.url)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook/s3cret-path"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def occasions(self) -> list[str]:
        return [notice["occasion"] for notice in self.got]


@pytest.fixture
def hook() -> Iterator[Hook]:
    hook = Hook()
    yield hook
    hook.held.set()
    hook.server.shutdown()
    hook.server.server_close()


def configure(abp: Abp, text: str) -> None:
    path = abp.folder / "config.toml"
    path.write_text(text)
    abp.env["ABP_CONFIG"] = str(path)


def new_words(abp: Abp, texts: Path, *command: str) -> None:
    argv = command or ("wc", "-w", "{file_path}")
    abp.quick("new", "words", "--intent", "Count", "--files", texts, "--pattern", "*.md", "--", *argv)


def test_each_occasion_is_posted_once(abp: Abp, texts: Path, hook: Hook) -> None:
    configure(abp, f'[notify]\nwebhook = "{hook.url}"\n')
    new_words(abp, texts)
    abp.run("test", "words")
    wait_until(lambda: hook.occasions() == ["review"])
    assert "waits for your review" in hook.got[0]["text"]
    abp.run("approve", "words", "--wait")
    wait_until(lambda: len(hook.got) == 2)
    notice = hook.got[1]
    assert (notice["occasion"], notice["name"], notice["id"], notice["status"]) == (
        "completed", "words", "j1", "COMPLETED",
    )  # fmt: skip
    assert notice["completed_units"] == notice["total_units"] == 3


def test_a_pause_for_a_reason_is_told_and_one_by_a_person_is_not(
    abp: Abp,
    texts: Path,
    hook: Hook,
) -> None:
    configure(abp, f'[notify]\nwebhook = "{hook.url}"\n')
    gate = abp.new_gated(texts, "--max-workers", "1")
    abp.run("start", "gated", "--skip-test")
    abp.until_processing(1)
    abp.run("pause", "gated")
    gate.touch()
    abp.run("wait", "gated", code=3)
    abp.quick("new", "bad", "--intent", "x", "--files", texts, "--max-failures-in-row", "2", "--", "false")
    abp.run("start", "bad", "--skip-test", "--wait", code=3)
    wait_until(lambda: hook.got)
    assert [(n["name"], n["occasion"]) for n in hook.got] == [("bad", "paused")]
    assert "in a row" in hook.got[0]["reason"]


def test_a_killed_executor_is_told_of(abp: Abp, texts: Path, hook: Hook) -> None:
    configure(abp, f'[notify]\nwebhook = "{hook.url}"\n')
    abp.new_gated(texts)
    abp.run("start", "gated", "--skip-test")
    abp.until_processing(3)
    os.kill(abp.json("show", "gated")["executor"]["pid"], signal.SIGKILL)
    wait_until(lambda: hook.occasions() == ["interrupted"])


def test_only_what_is_wanted_and_retried_where_the_server_fails(
    abp: Abp,
    texts: Path,
    hook: Hook,
) -> None:
    configure(abp, f'[notify]\non = ["completed"]\nwebhook = "{hook.url}"\n')
    hook.answers = [503]
    new_words(abp, texts)
    abp.run("test", "words")
    abp.run("approve", "words", "--wait")
    wait_until(lambda: hook.occasions() == ["completed"])
    assert len(hook.paths) == 2


def test_a_failure_is_in_the_jobs_log_without_the_address(abp: Abp, texts: Path, hook: Hook) -> None:
    configure(abp, f'[notify]\nwebhook = "{hook.url}"\n')
    hook.answers = [302]
    new_words(abp, texts)
    abp.run("start", "words", "--skip-test", "--wait")
    said = wait_until(lambda: [e for e in abp.sql("SELECT message FROM log") if "not notified" in e[0]])
    assert "webhook: HTTP 302" in said[0][0]
    assert "s3cret" not in said[0][0] and "127.0.0.1" not in said[0][0]
    assert not hook.got  # it was not followed


def test_a_server_that_answers_nothing_holds_no_job_up(abp: Abp, texts: Path, hook: Hook) -> None:
    configure(abp, f'[notify]\nwebhook = "{hook.url}"\n')
    hook.held.clear()
    new_words(abp, texts)
    abp.run("start", "words", "--skip-test", "--wait")
    assert abp.json("show", "words")["executor"] is None  # and it is still held
    assert not hook.got
    hook.held.set()
    wait_until(lambda: hook.occasions() == ["completed"])


def test_a_command_gets_the_notice_on_stdin_and_in_its_environment(abp: Abp, texts: Path) -> None:
    out = abp.folder / "out"
    script = 'cat > "$1.part"; echo "$ABP_NOTICE_OCCASION $ABP_NOTICE_JOB" >> "$1.part"; mv "$1.part" "$1"'
    configure(abp, f"[notify]\ncommand = {json.dumps(['sh', '-c', script, 'sh', str(out)])}\n")
    new_words(abp, texts)
    abp.run("start", "words", "--skip-test", "--wait")
    wait_until(out.exists)
    document, said = out.read_text().rsplit("}", 1)
    assert json.loads(document + "}")["occasion"] == "completed"
    assert said.strip() == "completed words"


def test_a_command_that_hangs_or_fails_is_ended_and_said(abp: Abp, texts: Path) -> None:
    configure(abp, '[notify]\ncommand = ["sh", "-c", "echo why >&2; sleep 1000"]\ntimeout_s = 0.5\n')
    new_words(abp, texts)
    abp.run("start", "words", "--skip-test", "--wait")
    said = wait_until(lambda: [e for e in abp.sql("SELECT message FROM log") if "not notified" in e[0]])
    assert "command sh" in said[0][0] and "why" in said[0][0]
    assert abp.json("show", "words")["status"] == "COMPLETED"


def test_a_variable_stands_for_what_is_secret(abp: Abp, texts: Path, hook: Hook) -> None:
    base = hook.url.rsplit("/", 1)[0]
    configure(abp, f'[notify]\nwebhook = "{base}/${{HOOK}}"\n')
    new_words(abp, texts)
    abp.run("start", "words", "--skip-test", "--wait", HOOK="hidden-1")
    wait_until(lambda: hook.paths == ["/hook/hidden-1"])


def test_config_shows_no_secret_and_names_the_line(abp: Abp) -> None:
    configure(
        abp,
        '[notify]\n\nwebhook = "https://me:pw@hooks.example/T0K3N?x=1"\ncommand = ["p", "--key", "T0K3N"]\n',
    )
    shown = abp.run("config").stdout + abp.run("config", "--json").stdout
    assert "T0K3N" not in shown and "pw" not in shown
    rows = {row["name"]: row for row in abp.json("config")}
    assert rows["notify.webhook"]["value"] == "https://hooks.example/***"
    assert rows["notify.webhook"]["source"].endswith("config.toml, line 3")
    assert rows["notify.bell"]["source"] == "default"
    configure(abp, '[notify]\nbell = true\nwebhook = "ftp://x"\n')
    assert "line 3: notify.webhook: it must begin with https://" in abp.run("config", code=2).stderr
    configure(abp, '[notify]\nhook = "x"\n')
    assert "line 2: notify.hook: there is no such setting" in abp.run("config", code=2).stderr


def test_settings_that_are_wrong_by_now_end_no_job(abp: Abp, texts: Path) -> None:
    new_words(abp, texts)
    script = "import sys; from abp_tui.notify.herald import start_herald; start_herald(sys.argv[1], 1)"
    configure(abp, "[notify]\nbell = 7\n")
    done = subprocess.run(
        [sys.executable, "-c", script, str(abp.store)],
        env=abp.env,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0 and "nobody is notified" in done.stderr


def test_a_terminal_that_waits_is_rung(abp: Abp, texts: Path) -> None:
    gate = abp.new_gated(texts)
    terminal = Terminal(abp, "start", "gated", "--skip-test", "--wait", TERM_PROGRAM="WezTerm")
    abp.until(lambda: terminal.says("0 of 3 done"), "it waits")
    assert not terminal.says("\a")
    gate.touch()
    assert terminal.ended() == 0
    assert terminal.says("\x1b]9;gated has completed (3 of 3 units done)\x1b\\\a")
    again = Terminal(abp, "wait", "gated")
    assert again.ended() == 0 and not again.says("\a")  # nothing has come about


def test_the_app_rings_while_it_is_open_unless_it_is_told_not_to(abp: Abp, texts: Path) -> None:
    gate = abp.new_gated(texts)
    abp.run("start", "gated", "--skip-test")
    configure(abp, "[notify]\nbell = false\n")
    silent = Terminal(abp, TERM_PROGRAM="WezTerm")
    del abp.env["ABP_CONFIG"]
    rung = Terminal(abp, TERM_PROGRAM="WezTerm")
    for terminal in (silent, rung):
        abp.until(lambda terminal=terminal: terminal.says("gated"), "the jobs are shown")
    gate.touch()
    abp.until(lambda: silent.says("completed") and rung.says("\x1b]9;gated has completed"), "it rings")
    for terminal in (silent, rung):
        terminal.type("q")
        assert terminal.ended() == 0
    assert not silent.says("\x1b]9;")


def test_notify_tries_every_way_and_says_which_fails(abp: Abp, texts: Path, hook: Hook) -> None:
    new_words(abp, texts)
    assert "no way is set" in abp.run("notify", "words", code=2).stderr
    configure(abp, f'[notify]\nwebhook = "{hook.url}"\ncommand = ["no-such-program-1"]\n')
    said = abp.run("notify", "words", code=1).stderr
    assert "webhook: sent" in said and "no-such-program-1" in said
    assert hook.got[0]["name"] == "words"


def test_a_missing_library_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    notice = Notice.model_construct(name="n", text="t")
    monkeypatch.setitem(sys.modules, "desktop_notifier", None)
    with pytest.raises(Undelivered, match=r"abp-tui\[desktop\]"):
        Desktop(1.0).send(notice)
