"""`abp export` as a person and a pipe use it."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from abp_tui.store.repository import Repository
from tests.cli.driver import PYTHON, Abp
from tests.cli.test_refusals import assert_refused
from tests.cli.test_terminal import Terminal
from tests.factories import make_job

pytestmark = pytest.mark.slow

LONG = "x" * 2000


def make_many(abp: Abp, count: int) -> None:
    make_job(Repository(abp.store), payloads=({"n": n, "text": LONG} for n in range(count)))


def test_a_suffix_of_no_format_is_refused_with_the_formats_there_are(abp: Abp, texts: Path) -> None:
    abp.run("new", "w", "--intent", "Count", "--files", texts, "--", "wc", "-w", "{file_path}")
    refused = abp.run("export", "w", "-o", "x.foo", code=None)
    assert_refused(refused, "x.foo has the suffix of no format", "--format jsonl|csv|sqlite|parquet")
    assert not (abp.folder / "x.foo").exists()
    abp.run("export", "w", "-o", "x.foo", "--format", "jsonl")
    abp.run("export", "w", "-o", "plain")
    as_lines = abp.run("export", "w", "-o", "-").stdout
    assert (abp.folder / "x.foo").read_text() == (abp.folder / "plain").read_text() == as_lines


def test_the_suffix_chooses_and_fields_are_picked(abp: Abp, texts: Path) -> None:
    abp.run(
        "new",
        "w",
        "--intent",
        "Count",
        "--files",
        texts,
        "--pattern",
        "*.md",
        "--",
        "wc",
        "-w",
        "{file_path}",
    )
    abp.run("start", "w", "--skip-test", "--wait")
    done = abp.run("export", "w", "-o", "w.csv", "--fields", "file_name,output,status")
    assert done.stdout == "" and "3 units written to w.csv" in done.stderr
    rows = list(csv.reader((abp.folder / "w.csv").open(newline="")))
    assert rows[0] == ["file_name", "output", "status"]
    assert [row[0] for row in rows[1:]] == ["1.md", "2.md", "3.md"]
    assert [json.loads(line)["seq"] for line in abp.run("export", "w").stdout.splitlines()] == [0, 1, 2]
    assert abp.run("export", "w", "--status", "failed", "-o", "-").stdout == ""
    attempts = abp.run("export", "w", "--attempts", "--format", "csv").stdout
    assert [row[:3] for row in csv.reader(io.StringIO(attempts))] == [
        ["seq", "key", "number"],
        *([str(n), f"{n + 1}.md", "1"] for n in range(3)),
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--fields", "sq"), ("no field 'sq'", "did you mean 'seq'?")),
        (("--safe",), ("--safe is for CSV",)),
        (("--format", "xml"), ("xml",)),
        (("-o", "no/such/folder/x.csv"), ("can't write", "No such file")),
        (("-o", "data/abp.db"), ("the database itself",)),
    ],
)
def test_what_can_not_be_done_is_said(abp: Abp, arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
    make_many(abp, 1)
    done = abp.run("export", "words", *arguments, code=2)
    assert done.stdout == "" and done.stderr.count("\n") == 1
    for word in words:
        assert word in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("name", ["out.jsonl", "out.sqlite"])
def test_whatever_ends_it_nothing_half_written_stays(abp: Abp, number: signal.Signals, name: str) -> None:
    make_many(abp, 20_000)
    out = abp.folder / "out"
    out.mkdir()
    (out / name).write_text("old")
    running = abp.start("export", "words", "-o", f"out/{name}")
    abp.until(
        lambda: any(f.suffix == ".part" and f.stat().st_size > 100_000 for f in out.iterdir()), "it writes"
    )
    running.process.send_signal(number)
    assert running.process.wait(30) == 128 + number
    assert [file.name for file in out.iterdir()] == [name]
    assert (out / name).read_text() == "old"


@pytest.mark.parametrize("name", ["out.jsonl", "out.csv", "out.sqlite", "out.parquet"])
def test_a_disk_that_fills_up_leaves_nothing(abp: Abp, name: str) -> None:
    make_job(Repository(abp.store), payloads=({"text": os.urandom(1000).hex()} for _ in range(2000)))
    command = 'ulimit -f 1000; exec "$@"'
    done = subprocess.run(
        ["bash", "-c", command, "bash", *PYTHON, "export", "words", "-o", name],
        cwd=abp.folder, env=abp.env, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 2, done
    assert f"can't write {abp.folder / name}" in done.stderr and done.stderr.count("\n") == 1
    assert not list(abp.folder.glob("*out*"))


def test_a_reader_that_leaves_ends_it_quietly(abp: Abp) -> None:
    make_many(abp, 2000)
    command = '"$@" | head -n 1 | wc -l; echo "${PIPESTATUS[0]}"'
    for form in ("jsonl", "csv", "sqlite"):
        done = subprocess.run(
            ["bash", "-c", command, "bash", *PYTHON, "export", "words", "--format", form],
            cwd=abp.folder, env=abp.env, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.stderr == "", done.stderr
        assert done.stdout.split()[1] == "1"


def test_while_the_job_runs_every_unit_is_there(abp: Abp, texts: Path) -> None:
    gate = abp.new_gated(texts, "--max-workers", "2")
    abp.run("start", "gated", "--skip-test")
    abp.until_processing(2)
    units = [json.loads(line) for line in abp.run("export", "gated").stdout.splitlines()]
    assert [unit["status"] for unit in units] == ["PROCESSING", "PROCESSING", "PENDING"]
    gate.touch()
    abp.run("wait", "gated")


def test_a_terminal_sees_how_far_it_is_and_no_binary(abp: Abp) -> None:
    make_many(abp, 20_000)
    terminal = Terminal(abp, "export", "words", "-o", "out.csv")
    abp.until(lambda: terminal.says("of 20,000 written"), "a bar is shown")
    assert terminal.ended() == 0 and terminal.says("20,000 units written to out.csv")
    terminal = Terminal(abp, "export", "words", "--format", "parquet")
    assert terminal.ended() == 2 and terminal.says("nothing for a terminal")
