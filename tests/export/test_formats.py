"""The same results in every format: in order, in columns, whatever they hold."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from abp_tui.domain.failure import FailureKind
from abp_tui.domain.model import Event, EventKind, Job, Outcome, Usage
from abp_tui.domain.status import JobStatus
from abp_tui.errors import InvalidInput
from abp_tui.execution.executor import JobExecutor
from abp_tui.export import FORMATS, export, format_of
from abp_tui.export.table import Wanted
from abp_tui.store.repository import Repository
from abp_tui.workers.base import Sink, Task
from abp_tui.workers.cancel import Cancel
from tests.factories import FailAnew, InProcessWorker, fail, make_job, make_repository

SCHEMA = {
    "$defs": {"Size": {"type": "string", "enum": ["s", "l"]}},
    "type": "object",
    "properties": {
        "pages": {"type": "integer"},
        "size": {"$ref": "#/$defs/Size"},
        "price": {"anyOf": [{"type": "number"}, {"type": "null"}]},
        "tags": {"type": "array"},
        "name": {"type": "string"},
    },
}
OURS = "key status verdict output result error failure_kind attempts cost_usd duration_s session_id".split()
OURS += ["host", "prompt_version"]


def run(repository: Repository, job: Job, behaviour: Any = None) -> None:
    JobExecutor(repository, job.id, InProcessWorker(behaviour)).run()


def measured(result: Mapping[str, Any]) -> Any:
    def behave(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        return Outcome(ok=True, output=json.dumps(result), result=result, usage=Usage(cost_usd=0.5))

    return behave


def cells(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode(), newline="")))


def rows_of(path: Path, table: str = "units") -> list[dict[str, Any]]:
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(f"SELECT * FROM {table}")]


def written(repository: Repository, job: Job, path: Path, **wanted: Any) -> Path:
    export(repository, job.id, path, wanted=Wanted(**wanted))
    return path


def read(path: Path) -> list[dict[str, Any]]:
    """Any format, as rows."""
    match format_of(path):
        case "csv":
            return list(cells(path))
        case "sqlite":
            return rows_of(path)
        case "parquet":
            return list(pyarrow.parquet.read_table(path).to_pylist())
        case _:
            return [json.loads(line) for line in path.read_text().split("\n") if line]


@pytest.mark.parametrize("form", FORMATS)
def test_a_row_per_unit_in_the_order_of_the_items(tmp_path: Path, form: str) -> None:
    repository = make_repository(tmp_path)
    job = make_job(repository, 1203, status=JobStatus.RUNNING)
    out = tmp_path / f"out.{form}"
    assert export(repository, job.id, out) == 1203
    assert [int(row["seq"]) for row in read(out)] == list(range(1203))
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [out.name]


@pytest.mark.parametrize("form", FORMATS)
def test_it_can_be_written_into_a_stream(tmp_path: Path, form: str) -> None:
    repository = make_repository(tmp_path)
    job = make_job(repository, 3)
    stream = io.BytesIO()
    assert export(repository, job.id, stream, form) == 3
    again = tmp_path / f"again.{form}"
    again.write_bytes(stream.getvalue())
    assert [int(row["seq"]) for row in read(again)] == [0, 1, 2]


def test_the_items_columns_keep_their_names_and_the_others_give_way(tmp_path: Path) -> None:
    repository = make_repository(tmp_path)
    payloads = [{"name": "a", "status": "new", "n": 1}, {"name": "b", "abp_status": 7, "n": 2}]
    job = make_job(repository, payloads=payloads, status=JobStatus.RUNNING, schema=SCHEMA)
    run(repository, job, measured({"pages": 3, "size": "s", "price": 1.5, "tags": ["x"], "name": "A"}))
    first, second = cells(written(repository, job, tmp_path / "out.csv"))
    assert list(first)[:9] == "name status n abp_status pages size price tags result_name".split()
    assert list(first)[9:] == ["seq", *(name if name != "status" else "abp_status_3" for name in OURS)]
    assert (first["name"], first["status"], first["result_name"]) == ("a", "new", "A")
    assert (second["abp_status"], second["abp_status_3"], second["tags"]) == ("7", "COMPLETED", '["x"]')
    assert json.loads(first["result"])["pages"] == 3


def test_parquet_has_the_types_of_items_and_schema(tmp_path: Path) -> None:
    repository = make_repository(tmp_path)
    payloads = [
        {"i": 1, "f": 1.5, "b": True, "t": "x", "m": 1, "none": None, "big": 2**70, "deep": {"a": [1]}},
        {"i": -2, "f": None, "b": False, "t": "y", "m": "one"},
    ]
    job = make_job(repository, payloads=payloads, template="Do", status=JobStatus.RUNNING, schema=SCHEMA)
    run(repository, job, measured({"pages": 2**70, "size": "l", "price": None, "tags": []}))
    table = pyarrow.parquet.read_table(written(repository, job, tmp_path / "out.parquet"))
    types = {field.name: str(field.type) for field in table.schema}
    wanted = {"i": "int64", "f": "double", "b": "bool", "t": "string", "m": "string", "none": "string"}
    wanted |= {"big": "string", "deep": "string", "pages": "int64", "size": "string", "price": "double"}
    wanted |= {"seq": "int64", "cost_usd": "double", "attempts": "int64", "result": "string"}
    assert {name: types[name] for name in wanted} == wanted
    first, second = table.to_pylist()
    assert (first["big"], first["deep"], first["m"], second["m"]) == (str(2**70), '{"a": [1]}', "1", "one")
    assert first["pages"] is None and json.loads(first["result"])["pages"] == 2**70


@pytest.mark.parametrize("form", FORMATS)
def test_awkward_values_survive(tmp_path: Path, form: str) -> None:
    text = 'a "quoted", cell\r\nand \r more\n\u2028 \x00 風 =1+1 \x1b[0m'
    payload = {"text": text, "big": 2**70, "broken": "caf\udce9", "deep": {"a": [1, None]}, "no": None}
    repository = make_repository(tmp_path)
    job = make_job(repository, payloads=[payload])
    [row] = read(written(repository, job, tmp_path / f"out.{form}", fields=list(payload)))
    assert row["text"] == text
    assert int(row["big"]) == 2**70
    assert row["broken"] in ("caf\udce9", "caf\\udce9")
    deep = row["deep"] if form == "jsonl" else json.loads(row["deep"])
    assert deep == {"a": [1, None]}
    assert row["no"] == ("" if form == "csv" else None)


def test_numbers_that_json_has_not_become_null(tmp_path: Path) -> None:
    repository = make_repository(tmp_path)
    job = make_job(repository, payloads=[{"x": float("nan"), "y": [float("inf"), 1.0]}])
    line = written(repository, job, tmp_path / "out.jsonl").read_text()
    assert json.loads(line, parse_constant=pytest.fail)["payload"] == {"x": None, "y": [None, 1.0]}


def test_safe_csv_has_no_formulas(tmp_path: Path) -> None:
    repository = make_repository(tmp_path)
    payload = {
        "=evil": "=HYPERLINK(1)",
        "plus": "+49 30",
        "at": "@x",
        "n": "-5.5",
        "m": -5,
        "tab": "\t=1",
        "ok": "a=1",
    }
    job = make_job(repository, payloads=[payload], template="Do")
    [safe] = cells(written(repository, job, tmp_path / "safe.csv", safe=True))
    assert (safe["'=evil"], safe["plus"], safe["at"]) == ("'=HYPERLINK(1)", "'+49 30", "'@x")
    assert (safe["n"], safe["m"], safe["tab"], safe["ok"]) == ("-5.5", "-5", "'\t=1", "a=1")
    [plain] = cells(written(repository, job, tmp_path / "plain.csv"))
    assert plain["=evil"] == "=HYPERLINK(1)"


@pytest.mark.parametrize("form", FORMATS)
def test_fields_in_the_order_that_was_asked_for(tmp_path: Path, form: str) -> None:
    repository = make_repository(tmp_path)
    job = make_job(repository, 2)
    rows = read(written(repository, job, tmp_path / f"out.{form}", fields=["status", "n", "payload"]))
    assert [list(row) for row in rows] == [["status", "n", "payload"]] * 2
    assert [str(row["n"]) for row in rows] == ["0", "1"]


def test_a_field_that_is_not_there_is_named_with_the_nearest(tmp_path: Path) -> None:
    repository = make_repository(tmp_path)
    job = make_job(repository, 1)
    with pytest.raises(InvalidInput, match=r"'ouput'.*did you mean 'output'"):
        written(repository, job, tmp_path / "out.csv", fields=["seq", "ouput"])
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize("form", FORMATS)
def test_only_units_in_a_state(tmp_path: Path, form: str) -> None:
    repository = make_repository(tmp_path)
    job = make_job(repository, 6, status=JobStatus.RUNNING)

    def odd(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        bad = int(task.prompt.split()[1]) % 2 == 1
        return Outcome.failed(FailureKind.AGENT_ERROR, "odd") if bad else Outcome(ok=True, output="even")

    run(repository, job, odd)
    out = tmp_path / f"out.{form}"
    assert [int(row["seq"]) for row in read(written(repository, job, out, state="failed"))] == [1, 3, 5]
    assert [int(row["seq"]) for row in read(written(repository, job, out, state="completed"))] == [0, 2, 4]
    attempts = written(repository, job, tmp_path / "a.jsonl", state="failed", attempts=True)
    assert [row["seq"] for row in read(attempts)] == [1, 3, 5]


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
def test_every_attempt_is_a_row_with_its_conversation(tmp_path: Path, form: str) -> None:
    repository = make_repository(tmp_path)
    job = make_job(repository, 2, status=JobStatus.RUNNING, max_retries=1)
    run(repository, job, FailAnew(1))
    rows = read(written(repository, job, tmp_path / f"out.{form}", attempts=True))
    assert [(int(row["seq"]), int(row["number"])) for row in rows] == [(0, 1), (0, 2), (1, 1), (1, 2)]
    assert [row["failure_kind"] or None for row in rows] == ["agent_error", None] * 2
    assert rows[1]["output"] == rows[1]["prompt"] == "Do 0"
    assert "conversation" not in rows[0]
    rows = read(written(repository, job, tmp_path / f"out.{form}", conversations=True))
    said = rows[1]["conversation"] if form == "jsonl" else json.loads(rows[1]["conversation"])
    assert [(event["kind"], event["body"]) for event in said][-1] == ("text", "I was asked: Do 0")


def test_sqlite_holds_units_attempts_and_events(tmp_path: Path) -> None:
    repository = make_repository(tmp_path)
    job = make_job(repository, payloads=[{"n": 1, "Key": "k"}], status=JobStatus.RUNNING, max_retries=1)
    run(repository, job, FailAnew(1))
    path = tmp_path / "out.sqlite"
    assert export(repository, job.id, path, wanted=Wanted(conversations=True)) == 2
    [unit] = rows_of(path)
    assert (unit["Key"], unit["abp_key"], unit["status"]) == (
        "k",
        "item-0",
        "COMPLETED",
    )  # Key is key to SQLite
    assert [row["number"] for row in rows_of(path, "attempts")] == [1, 2]
    events = rows_of(path, "events")
    assert [(row["seq"], row["number"]) for row in events if row["kind"] == "text"] == [(0, 2)]


def test_a_long_conversation_is_whole(tmp_path: Path) -> None:
    repository = make_repository(tmp_path)
    job = make_job(repository, 1, status=JobStatus.RUNNING)

    def talk(task: Task, sink: Sink, cancel: Cancel) -> Outcome:
        for n in range(1200):
            sink.event(Event(kind=EventKind.TEXT, body=f"word {n}"))
        return Outcome(ok=True)

    run(repository, job, talk)
    [row] = read(written(repository, job, tmp_path / "out.jsonl", conversations=True))
    bodies = [event["body"] for event in row["conversation"] if event["kind"] == "text"]
    assert bodies == [f"word {n}" for n in range(1200)]


def test_items_with_too_many_fields_are_no_table(tmp_path: Path) -> None:
    repository = make_repository(tmp_path)
    job = make_job(repository, payloads=({f"f{n}": 1} for n in range(1001)), template="Do")
    with pytest.raises(InvalidInput, match="JSON lines"):
        written(repository, job, tmp_path / "out.csv")
    assert len(read(written(repository, job, tmp_path / "out.jsonl"))) == 1001


@pytest.mark.parametrize("form", FORMATS)
def test_a_full_disk_leaves_nothing(tmp_path: Path, form: str) -> None:
    repository = make_repository(tmp_path)
    job = make_job(repository, 200, status=JobStatus.RUNNING)
    run(repository, job, fail)
    with pytest.raises(InvalidInput, match=r"No space|is full"):
        export(repository, job.id, Path("/dev/full"), form)


def test_what_the_job_reads_is_never_written_over(tmp_path: Path) -> None:
    repository = make_repository(tmp_path)
    source, item = tmp_path / "mails.csv", tmp_path / "item.jsonl"
    for file in (source, item):
        file.write_text("precious")
    config = json.dumps({"file_path": str(source)})
    job = make_job(repository, payloads=[{"file_path": str(item)}], enumerator_config=config)
    for target in (source, item, repository.path):
        with pytest.raises(InvalidInput, match="name another file"):
            written(repository, job, target, state="completed")
    assert source.read_text() == item.read_text() == "precious"


def test_a_missing_library_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    repository = make_repository(tmp_path)
    job = make_job(repository, 1)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(InvalidInput, match=r"pyarrow.*pip install 'abp-tui\[parquet\]'"):
        written(repository, job, tmp_path / "out.parquet")


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("a.csv", "csv"),
        ("a.CSV", "csv"),
        ("a.db", "sqlite"),
        ("a.pq", "parquet"),
        ("a", "jsonl"),
    ],
)
def test_the_suffix_says_the_format(name: str, form: str) -> None:
    assert format_of(Path(name)) == form
    assert format_of(None) == "jsonl"


@pytest.mark.parametrize("name", ["a.txt", "a.json", "b.csv.foo"])
def test_a_suffix_of_no_format_is_no_format(name: str) -> None:
    with pytest.raises(InvalidInput, match=r"say --format jsonl\|csv\|sqlite\|parquet"):
        format_of(Path(name))
