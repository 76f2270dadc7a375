"""What can't be done is one line on stderr that says what to do, exit code 2, and nothing written."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

import pytest

from abp_tui.cli import main
from tests.cli.driver import Abp, Result

NEW = ("new", "job", "--intent", "Look", "--files")
WC = ("--", "wc", "-w", "{file_path}")


def assert_refused(done: Result, *words: str) -> None:
    assert done.returncode == 2, done
    assert done.stdout == ""
    assert done.stderr.startswith("abp: ") and done.stderr.count("\n") == 1, done.stderr
    for word in words:
        assert word in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((*NEW, "no-such-folder", *WC), ("no-such-folder", "(")),
        ((*NEW, "texts", "--pattern", "*.rst", *WC), ("no items", "(")),
        ((*NEW, "texts", "--prompt", "Read {file_pth}", *WC), ("file_pth", "did you mean 'file_path'?")),
        ((*NEW, "texts", "--", "no-such-program-1"), ("no-such-program-1", "PATH")),
        (("show", "nobody"), ("nobody", "(")),
        (("new", "job", "--files", "texts", *WC), ("--intent", "abp new --help")),
        ((), ("terminal", "abp --help")),
    ],
)
@pytest.mark.usefixtures("texts")
def test_bad_input(abp: Abp, arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
    assert_refused(abp.run(*arguments, code=None), *words)
    assert_nothing_made(abp)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((*NEW, "texts", "--", "wc", "{nope}"), ("nope", "(")),
        ((*NEW, "texts", "--", "sh", "-c", "wc {file_path}"), ("file_path", "$1")),
        ((*NEW, "texts", "--prompt", "@no-such-file", *WC), ("no-such-file", "(")),
        ((*NEW, "texts", "--prompt", "@texts/picture.png", *WC), ("not UTF-8", "(")),
        ((*NEW, "texts", "--worker", "clade"), ("clade", "did you mean 'claude'?")),
        ((*NEW, "texts", "--worker-option", "x", *WC), ("KEY=VALUE",)),
        ((*NEW, "texts", "--worker-option", "modl=x"), ("modl", "(")),
        ((*NEW, "texts", "--max-workers", "0", *WC), ("--max-workers is 0", "1 to 1024")),
        ((*NEW, "texts", "--max-retries", "99999999999999999999", *WC), ("--max-retries", "(")),
        ((*NEW, "texts", "--budget", "nan", *WC), ("budget", "(")),
        ((*NEW, "texts", "--budget", "inf", *WC), ("budget", "(")),
        ((*NEW, "texts", "--timeout", "nan", *WC), ("timeout", "(")),
        ((*NEW, "texts", "--timeout", "1e300", *WC), ("timeout", "30 days")),
        ((*NEW, "texts", "--prompt", " ", *WC), ("prompt is empty", "(")),
        ((*NEW, "texts", "--budget", "-1", *WC), ("budget",)),
        ((*NEW, "texts", "--timeout", "-1", *WC), ("timeout", "(")),
        ((*NEW, "texts", "--cwd", "no-such-folder", *WC), ("no-such-folder", "(")),
        ((*NEW, "texts", "--config", "{}", *WC), ("--source",)),
        ((*NEW, "texts", "surplus", *WC), ("surplus", "abp new --help")),
        ((*NEW, "texts", "--"), ("--",)),
        (("new", "job", "--intent", "Look", *WC), ("--files",)),
        (("new", "job", "--intent", "", "--files", "texts", *WC), ("intent",)),
        (("new", "j7", "--intent", "Look", "--files", "texts", *WC), ("j7", "(")),
        (("new", "a\x9b2J", "--intent", "Look", "--files", "texts", *WC), ("name", "(")),
        (("new", "job", "--intent", "Look", "--source", "file", "--config", "[]", *WC), ("--config", "(")),
        (("new", "job", "--intent", "Look", "--source", "fle", "--config", "{}", *WC), ("fle", "'file'")),
        (("show", "j99"), ("j99", "abp ls")),
        (("shw", "nobody"), ("shw", "did you mean 'show'?")),
        (("units", "nobody", "--status", "odd"), ("odd", "abp units --help")),
        (("export", "nobody", "-o", "out"), ("nobody",)),
    ],
)
@pytest.mark.usefixtures("texts")
def test_more_bad_input_in_this_process(
    abp: Abp,
    arguments: tuple[str, ...],
    words: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert_refused(refused_in_this_process(abp, arguments, monkeypatch, capsys), *words)
    assert_nothing_made(abp)


def refused_in_this_process(
    abp: Abp,
    arguments: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Result:
    for name, value in abp.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(abp.folder)
    monkeypatch.setattr(sys, "argv", ["abp", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr()
    assert isinstance(ended.value.code, int)
    return Result(arguments, ended.value.code, said.out, said.err)


def assert_nothing_made(abp: Abp) -> None:
    assert not abp.store.exists() or abp.sql("SELECT count(*) FROM job") == [(0,)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((*NEW, "texts", "--max-workers", "0", *WC), "--max-workers"),
        ((*NEW, "texts", "--budget", "nan", *WC), "budget"),
        ((*NEW, "texts", "--cwd", "no-such-folder", *WC), "no-such-folder"),
        ((*NEW, "texts", "--", "wc", "{nope}"), "nope"),
        (("new", "words", "--intent", "Look", "--files", "texts", *WC), "another name"),
        (("new", "a\udcff", "--intent", "Look", "--files", "texts", *WC), "name"),
        (("new", "job", "--intent", "a\udcff", "--files", "texts", *WC), "not UTF-8"),
    ],
)
def test_a_dry_run_is_refused_with_the_line_of_the_real_one(
    abp: Abp,
    texts: Path,
    arguments: tuple[str, ...],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    abp.quick("new", "words", "--intent", "Look", "--files", texts, *WC)
    real = refused_in_this_process(abp, arguments, monkeypatch, capsys)
    at = arguments.index("--")
    dry = refused_in_this_process(abp, (*arguments[:at], "--dry-run", *arguments[at:]), monkeypatch, capsys)
    assert_refused(real, words)
    assert dry.stderr == real.stderr
    assert len(abp.json("ls")) == 1


def test_a_name_that_is_taken_and_the_nearest_of_one_that_is_not(abp: Abp, texts: Path) -> None:
    abp.run("new", "words", "--intent", "Look", "--files", texts, *WC)
    again = abp.run("new", "words", "--intent", "Look", "--files", texts, *WC, code=None)
    assert_refused(again, "words", "another name")
    assert_refused(abp.run("show", "wrds", code=None), "did you mean 'words'?")
    assert_refused(abp.run("test", "words", "--unit", "77", code=None), "77", "abp units")
    assert len(abp.json("ls")) == 1


def test_a_file_that_is_no_database_stays_as_it_is(abp: Abp) -> None:
    abp.store.parent.mkdir()
    abp.store.write_bytes(b"my diary\n" * 100)
    assert_refused(abp.run("ls", code=None), "not an SQLite database", "ABP_STORAGE_PATH")
    assert abp.store.read_bytes() == b"my diary\n" * 100
    assert list(abp.store.parent.iterdir()) == [abp.store]


def test_a_foreign_database_stays_as_it_is(abp: Abp, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.db"
    connection = sqlite3.connect(foreign)
    connection.execute("CREATE TABLE diary (day TEXT)")
    connection.commit()
    connection.close()
    before = foreign.read_bytes()
    assert_refused(abp.run("ls", code=None, ABP_STORAGE_PATH=str(foreign)), "another program's database")
    assert foreign.read_bytes() == before


def test_a_folder_that_can_not_be_written(abp: Abp, texts: Path) -> None:
    done = abp.run(*NEW, texts, *WC, code=None, ABP_STORAGE_PATH="/proc/abp/abp.db")
    assert_refused(done, "/proc/abp", "ABP_STORAGE_PATH")
    abp.run(*NEW, texts, *WC)
    for target in ("/proc/abp/out.jsonl", "no-such-folder/out.jsonl", "texts"):
        assert_refused(abp.run("export", "job", "-o", target, code=None), target, "(")


def test_a_wrong_setting_names_its_variable(abp: Abp) -> None:
    assert_refused(abp.run("ls", code=None, ABP_MAX_WORKERS="many"), "max_workers")


def test_a_worker_whose_program_is_not_there_is_refused_at_once(abp: Abp, texts: Path) -> None:
    abp.run(*NEW, texts, "--worker", "claude", "--worker-option", "program=no-such-claude", "--limit", "1")
    for arguments in (("test", "job"), ("start", "job", "--skip-test")):
        assert_refused(abp.run(*arguments, code=None), "no-such-claude", "npm install")
    assert abp.json("show", "job")["status"] == "CREATED"
    assert abp.sql("SELECT count(*) FROM attempt") == [(0,)]


def test_what_nobody_foresaw_is_one_line_and_a_file(abp: Abp) -> None:
    abp.run("ls")
    connection = sqlite3.connect(abp.store)
    connection.execute(
        "INSERT INTO job (name, intent, status, enumerator_type, enumerator_config, worker, cwd, max_workers,"
        " desired_workers, max_retries, created_at) VALUES ('x', '', 'NO SUCH', '', '{}', '', '', 1, 1, 0, 0)"
    )
    connection.execute(
        "INSERT INTO recipe (job_id, version, prompt_template, worker_options, timers, checks,"
        " created_at) VALUES (1, 1, '', '{}', '{}', '[]', 0)"
    )
    connection.commit()
    connection.close()
    done = abp.run("ls", code=70)
    assert done.stderr.startswith("abp: unforeseen: ") and done.stderr.count("\n") == 1
    [story] = (abp.store.parent / "logs").glob("crash-*.txt")
    assert str(story) in done.stderr
    assert "Traceback" in story.read_text()
