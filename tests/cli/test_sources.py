"""`abp new` over every source, `abp sources`, and code that a person must approve."""

from __future__ import annotations

import hashlib
import json
import os
import pty
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cli.driver import PYTHON, Abp
from tests.cli.test_refusals import assert_nothing_made, assert_refused, refused_in_this_process
from tests.waiting import wait_until

CODE = "def enumerate_items(context):\n    yield {'n': context.get('n', 1)}\n"


@pytest.fixture
def data(abp: Abp) -> Path:
    folder = abp.folder
    (folder / "m.csv").write_text("number,text\n7,a\n8,b\n")
    (folder / "m.json").write_text(
        json.dumps({"data": {"rows": [{"number": n, "text": "x"} for n in (7, 8)]}})
    )
    (folder / "code.py").write_text(CODE)
    (folder / "bad.py").write_text("def f(:")
    (folder / "list").write_text("m.csv\nm.json\n")
    connection = sqlite3.connect(folder / "m.db")
    connection.execute("CREATE TABLE m AS SELECT 7 AS number, 'a' AS text UNION SELECT 8, 'b'")
    connection.commit()
    connection.close()
    return folder


def new(abp: Abp, *source: str, **env: str) -> list[dict[str, Any]]:
    """Make a job over this source; its units."""
    abp.run("new", "job", "--intent", "Look", *source, "--", "cat", **env)
    return list(abp.json("units", "job"))


@pytest.mark.parametrize(
    "source",
    [
        ("--csv", "m.csv", "--id-column", "number"),
        ("--json-file", "m.json", "--items-path", "data.rows", "--id-column", "number"),
        ("--sql", "sqlite:///m.db", "--query", "SELECT * FROM m ORDER BY 1", "--id-column", "number"),
        ("--json-file", "m.json", "--items-path", "data.rows", "--id-field", "number", "--encoding", "ascii"),
        ("--source", "csv", "--config", '{"file_path": "m.csv", "id_column": "number", "encoding": "ascii"}'),
        ("--source", "csv", "--source-option", "file_path=m.csv", "--source-option", "id_column=number"),
    ],
)
def test_rows_from_everywhere(abp: Abp, data: Path, source: tuple[str, ...]) -> None:
    units = new(abp, *source)
    assert [unit["key"] for unit in units] == ["7", "8"]
    assert str(units[0]["payload"]["number"]) == "7"
    shown = abp.json("show", "job")
    assert shown["total_units"] == 2 and shown["phase"] is None


def test_the_limit(abp: Abp, data: Path) -> None:
    assert len(new(abp, "--csv", "m.csv", "--limit", "1")) == 1


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (("--no-header",), [{"column_1": "é", "column_2": "1:2"}, {"column_1": "ü", "column_2": "3:4"}]),
        (("--no-header", "--columns", "a, b"), [{"a": "é", "b": "1:2"}, {"a": "ü", "b": "3:4"}]),
        (("--columns", "a,b"), [{"a": "ü", "b": "3:4"}]),
        (("--delimiter", ":"), [{"é;1": "ü;3", "2": "4"}]),
        (("--source-option", "delimiter=:", "--source-option", "has_header=false", "--limit", "1"),
         [{"column_1": "é;1", "column_2": "2"}]),
    ],
)  # fmt: skip
def test_a_csv_file_is_read_as_the_flags_say(
    abp: Abp, data: Path, flags: tuple[str, ...], expected: list[dict[str, str]]
) -> None:
    (data / "x.csv").write_bytes("é;1:2\nü;3:4\n".encode("latin-1"))
    units = new(abp, "--csv", "x.csv", "--encoding", "latin-1", *flags)
    payloads = [unit["payload"] for unit in units]
    assert [{name: p[name] for name in p if name != "_row_index"} for p in payloads] == expected


def test_a_setting_without_a_flag_of_its_own(abp: Abp, data: Path) -> None:
    query = ("--query", "SELECT * FROM m WHERE number = :n", "--source-option", 'params={"n": 8}')
    assert [unit["payload"]["text"] for unit in new(abp, "--sql", "sqlite:///m.db", *query)] == ["b"]
    (data / "endless.py").write_text("def enumerate_items(context):\n    while True: yield {}\n")
    sha256 = hashlib.sha256((data / "endless.py").read_bytes()).hexdigest()
    code = ("--code", "endless.py", "--approve-code", sha256, "--source-option", "max_items=7")
    done = abp.run("new", "never", "--intent", "Look", *code, "--", "cat", code=2)
    assert "after 7 items: it gives more than max_items" in done.stderr


def test_settings_that_are_false_count(abp: Abp, data: Path) -> None:
    config = '{"file_path": "m.csv", "has_header": false}'
    assert len(new(abp, "--source", "csv", "--config", config)) == 3


def test_paths_on_standard_input(abp: Abp, data: Path) -> None:
    command = [*PYTHON, "new", "job", "--intent", "Look", "--files-from", "-", "--", "cat", "{file_path}"]
    done = subprocess.run(
        command, cwd=data, env=abp.env, input=b"m.csv\0list\0", capture_output=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert [unit["key"] for unit in abp.json("units", "job")] == ["m.csv", "list"]
    assert [unit["key"] for unit in _again(abp, "--files-from", "list")] == ["m.csv", "m.json"]


def _again(abp: Abp, *source: str) -> list[dict[str, Any]]:
    abp.run("new", "again", "--intent", "Look", *source, "--", "cat")
    return list(abp.json("units", "again"))


def test_a_dry_run_shows_what_would_be_made_and_writes_nothing(abp: Abp, data: Path) -> None:
    done = abp.run("new", "job", "--intent", "Answer {text}", "--csv", "m.csv", "--dry-run", "--", "cat")
    assert done.stdout.startswith("Answer a\n")
    for words in ("2 units", "nothing was written", '0 {"number": "7", "text": "a", "_row_index": 0}'):
        assert words in done.stderr
    assert_nothing_made(abp)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ((), ("nothing names it", "--csv")),
        (("--csv", "m.csv", "--files", "."), ("--files and --csv",)),
        (("--csv", "m.csv", "--items-path", "x"), ("--items-path is for --json-file",)),
        (("--csv", "m.csv", "--config", "{}"), ("--config is for --source",)),
        (("--files", ".", "--id-column", "x"), ("--id-column is for --csv",)),
        (("--csv", "m.csv", "--approve-code", "x"), ("--approve-code is for --code",)),
        (("--csv", "no.csv"), ("no.csv",)),
        (("--files", ".", "--no-header"), ("--no-header is for --csv, not for --files",)),
        (("--json-file", "m.json", "--delimiter", ";"), ("--delimiter is for --csv",)),
        (("--files", ".", "--encoding", "x"), ("--encoding is for --csv or --json-file",)),
        (("--csv", "m.csv", "--encoding", "latin-77"), ("is no encoding",)),
        (("--csv", "m.csv", "--delimiter", "ab"), ("delimiter", "one character")),
        (("--csv", "m.csv", "--source-option", "delimitr=;"), ("delimitr", "there is no such setting")),
        (("--csv", "m.csv", "--source-option", "delimiter"), ("--source-option", "KEY=VALUE")),
        (("--csv", "m.csv", "--id-column", "numer"), ("did you mean 'number'?",)),
        (("--json-file", "m.json"), ("the document is an object, not an array", "--items-path")),
        (("--json-file", "m.json", "--items-path", "data.row"), ("'data'", "did you mean 'rows'?")),
        (("--sql", "sqlite:///m.db"), ("--query",)),
        (("--sql", "sqlite:///m.db", "--query", "DELETE FROM m"), ("may only read", "DELETE m")),
        (("--sql", "mysql://a:hidden@b/c", "--query", "SELECT 1"), ("mysql",)),
        (("--code", "no.py"), ("no.py",)),
        (("--code", "bad.py"), ("no Python, line 1",)),
        (("--code", "code.py", "--context", "[]"), ("--context",)),
        (("--files-from", "no"), ("no file",)),
    ],
)
@pytest.mark.usefixtures("data")
def test_bad_input(
    abp: Abp,
    source: tuple[str, ...],
    words: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ("new", "job", "--intent", "Look", *source, "--", "cat")
    done = refused_in_this_process(abp, arguments, monkeypatch, capsys)
    assert_refused(done, *words)
    assert "hidden" not in done.stderr
    assert_nothing_made(abp)


@pytest.mark.slow
def test_code_needs_its_hash_where_nobody_can_be_asked(abp: Abp, data: Path) -> None:
    job = ("new", "job", "--intent", "Do {n}", "--code", "code.py")
    sha256 = hashlib.sha256(CODE.encode()).hexdigest()
    assert_refused(abp.run(*job, "--", "cat", code=None), f"--approve-code {sha256}")
    assert_refused(abp.run(*job, "--approve-code", "0" * 64, "--", "cat", code=None), sha256)
    dry = abp.run(*job, "--approve-code", sha256, "--dry-run", "--", "cat")
    assert dry.stdout.startswith("Do 1")
    assert abp.sql("SELECT count(*) FROM approval") == [(0,)]
    assert_nothing_made(abp)
    abp.run(*job, "--approve-code", sha256, "--", "cat")
    assert abp.sql("SELECT kind, sha256 FROM approval") == [("code", sha256)]
    abp.run("new", "two", "--intent", "Do {n}", "--code", "code.py", "--", "cat")
    context = (
        "new",
        "three",
        "--intent",
        "Do {n}",
        "--code",
        "code.py",
        "--context",
        '{"n": 5}',
        "--",
        "cat",
    )
    assert_refused(abp.run(*context, code=None), "--approve-code")
    (data / "code.py").write_text(CODE + "#")
    assert_refused(abp.run("new", "four", *job[2:], "--", "cat", code=None), "--approve-code")


@pytest.mark.parametrize(("answer", "made"), [("y", 1), ("n", 0)])
def test_on_a_terminal_the_code_is_shown_and_asked_about(
    abp: Abp, data: Path, answer: str, made: int
) -> None:
    (data / "code.py").write_text(CODE + "# \x1b[31mred\n#" + " " * 200 + "far\n")
    context = '{"n": 5, "a": "b\u202ec\u200bd"}'
    ours, theirs = pty.openpty()
    command = [*PYTHON, "new", "job", "--intent", "Do {n}", "--code", "code.py", "--context", context]
    process = subprocess.Popen(
        [*command, "--", "cat"], cwd=data, env=abp.env, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    seen = b""

    def asked() -> bool:
        nonlocal seen
        seen += os.read(ours, 4096)
        return b"Run this code" in seen and b"[y/N]" in seen

    wait_until(asked, 20, "the question")
    os.write(ours, answer.encode() + b"\n")
    assert process.wait(30) == (0 if made else 2)
    os.close(ours)
    assert b"1  def enumerate_items" in seen and b"2      yield" in seen and b"SHA-256" in seen
    assert b"\x1b[31m" not in seen and rb"3! # \x1b[31mred" in seen and b'"n": 5' in seen
    assert rb' !   "a": "b\u202ec\u200bd"' in seen
    assert "\u202e".encode() not in seen and "\u200b".encode() not in seen
    assert b"in line 3 and in the context" in seen and b"SHA-256 of the code and the context: " in seen
    [far] = [line for line in seen.splitlines() if b"far" in line]
    assert far.startswith(b"    ") and len(far) <= 80, "a folded line leaves the margin free"
    assert abp.sql("SELECT count(*) FROM job") == [(made,)]
    assert abp.sql("SELECT count(*) FROM approval") == [(made,)]


def test_sources_lists_all_with_their_fields(abp: Abp) -> None:
    names = ["file", "paths", "csv", "json", "sql", "dynamic"]
    found = {source["name"]: source for source in abp.json("sources")}
    assert list(found) == names
    assert found["csv"]["schema"]["required"] == ["file_path"]
    assert found["csv"]["metadata"] == ["_row_index", "_id"]
    assert found["dynamic"]["metadata"] == [], "its items have what the code gives them"
    assert "file_path" in found["file"]["fields"]
    shown = abp.quick("sources")
    for word in (*names, "connection_string", "id_column", "required. ", "items have"):
        assert word in shown
