from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from abp_tui.enumerators.base import Item, make_enumerator
from abp_tui.enumerators.sql import SqlEnumerator, plain
from abp_tui.enumerators.sql_sqlite import BUSY_TIMEOUT_S
from abp_tui.errors import InvalidInput


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "shop.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE item (id INTEGER, name TEXT, updated_at TEXT)")
    connection.executemany("INSERT INTO item VALUES (?, ?, ?)", [(7, "bread", "now"), (8, None, "then")])
    connection.commit()
    connection.close()
    return path


@pytest.fixture(autouse=True)
def untouched(path: Path) -> Iterator[None]:
    before = path.read_bytes()
    yield
    assert path.read_bytes() == before
    assert {file.name for file in path.parent.iterdir()} <= {"shop.db", "other.db", "text.db"}


def source(path: Path, query: str, **config: Any) -> SqlEnumerator:
    made = make_enumerator("sql", {"connection_string": f"sqlite:///{path}", "query": query, **config})
    assert isinstance(made, SqlEnumerator)
    return made


def refused(made: SqlEnumerator) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        made.validate()
        list(made.items())
    assert caught.value.hint
    return caught.value


def test_a_row_becomes_an_item(path: Path) -> None:
    made = source(path, "SELECT id, name FROM item ORDER BY id")
    made.validate()
    assert list(made.items()) == [
        Item("0", {"id": 7, "name": "bread", "_row_index": 0}),
        Item("1", {"id": 8, "name": None, "_row_index": 1}),
    ]
    keyed = source(path, "SELECT id FROM item ORDER BY id", id_column="id", limit=1)
    assert list(keyed.items()) == [Item("7", {"id": 7, "_row_index": 0, "_id": 7})]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT updated_at, 'delete; drop' AS x FROM item",
        "WITH deleted AS (SELECT * FROM item) SELECT * FROM deleted",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2) SELECT i FROM n",
        "-- insert\nSELECT replace(name, 'a', 'b') AS b FROM item",
        "SELECT 1 AS a UNION SELECT 2",
        "VALUES (1), (2)",
    ],
)
def test_what_only_looks_like_writing_passes(path: Path, query: str) -> None:
    made = source(path, query)
    made.validate()
    assert len(list(made.items())) == 2


@pytest.mark.parametrize(
    ("query", "what"),
    [
        ("DELETE FROM item", "DELETE item"),
        ("UPDATE item SET name = 'x' RETURNING *", "UPDATE item"),
        ("WITH x AS (SELECT 1) INSERT INTO item SELECT 1, 2, 3", "INSERT item"),
        ("DROP TABLE item", "sqlite_master"),
        ("CREATE TABLE x (a)", "sqlite_master"),
        ("ALTER TABLE item ADD COLUMN x", "ALTER TABLE"),
        ("PRAGMA page_size = 512", "PRAGMA page_size"),
        ("PRAGMA user_version = 5", "PRAGMA user_version"),
        ("CREATE TEMP TABLE x (a)", "sqlite_temp_master"),
        ("ATTACH 'other2.db' AS x", "ATTACH other2.db"),
        ("VACUUM INTO 'other2.db'", "VACUUM"),
        ("vacuum", "VACUUM"),
        ("PRAGMA query_only = OFF", "PRAGMA query_only"),
        ("PRAGMA journal_mode = wal", "PRAGMA journal_mode"),
        ("BEGIN IMMEDIATE", "TRANSACTION"),
    ],
)
def test_what_writes_is_refused_by_the_database(path: Path, query: str, what: str) -> None:
    message = refused(source(path, query)).message
    assert message.startswith("the query may only read, and would ")
    assert what in message


@pytest.fixture
def virtual(tmp_path: Path) -> Path:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "CREATE TABLE item (id); CREATE VIRTUAL TABLE box USING rtree(id, low, high);"
            "CREATE VIRTUAL TABLE doc USING fts5(t); CREATE VIRTUAL TABLE old USING fts4(t);"
            "INSERT INTO box VALUES (1, 2, 3); INSERT INTO doc VALUES ('hello');"
            "INSERT INTO old VALUES ('hi');"
        )
    return path


@pytest.mark.parametrize(
    "query",
    [
        "SELECT value FROM json_each('[1]')",
        "SELECT t FROM doc WHERE doc MATCH 'hello'",
        "SELECT t FROM old WHERE old MATCH 'hi'",
        "SELECT id FROM box WHERE low < 3",
        "SELECT name FROM pragma_table_info('item')",
    ],
)
def test_virtual_tables_are_read(virtual: Path, query: str) -> None:
    made = source(virtual, query)
    made.validate()
    assert len(list(made.items())) == 1


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM box",
        "DELETE FROM box_node",
        "INSERT INTO box VALUES (2, 2, 3)",
        "INSERT INTO doc(doc) VALUES ('optimize')",
        "SELECT * FROM pragma_user_version(5)",
    ],
)
def test_virtual_tables_are_not_written(virtual: Path, query: str) -> None:
    before = virtual.read_bytes()
    refused(source(virtual, query))
    assert virtual.read_bytes() == before


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("SELECT 1; DELETE FROM item", "one statement"),
        ("SELECT * FROM itm", "no such table: itm"),
        ("SELECT nam FROM item", "no such column: nam"),
        ("SELEC 1", "syntax error"),
        ("SELECT :a", "binding"),
        ("SELECT load_extension('x')", "extensions are not loaded"),
        ("SELECT id, id FROM item", "two columns called 'id'"),
        ("SELECT 1 AS _row_index", "'_row_index'"),
        ("-- nothing", "shop.db"),
    ],
)
def test_a_query_that_can_not_be_answered(path: Path, query: str, words: str) -> None:
    assert words in str(refused(source(path, query)))


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 1 AS n UNION ALL SELECT zeroblob(67108865)",
        "SELECT 1 AS n UNION ALL SELECT length(zeroblob(67108865))",
        "SELECT '', 1 UNION ALL SELECT zeroblob(40000000), printf('%.40000000c', 'x')",
        "SELECT '', 1 UNION ALL SELECT zeroblob(67108864), 'x'",
    ],
)
def test_a_row_that_is_too_large(path: Path, query: str) -> None:
    error = refused(source(path, query))
    assert "row 2 of the query is over 64 MB" in error.message and "substr" in error.hint


def test_a_first_row_that_is_too_large(path: Path) -> None:
    assert "row 1 of the query is over 64 MB" in refused(source(path, "SELECT zeroblob(67108865)")).message


def test_a_row_that_is_as_large_as_it_may_be(path: Path) -> None:
    [item] = source(path, "SELECT printf('%.67108863c', 'x') AS a, 'y' AS b").items()
    assert len(item.payload["a"]) == 67108863 and item.payload["b"] == "y"


def test_parameters_are_bound(path: Path) -> None:
    query = "SELECT id FROM item WHERE name = :name"
    assert [i.payload["id"] for i in source(path, query, params={"name": "bread"}).items()] == [7]
    assert list(source(path, query, params={"name": "' OR 1=1 --"}).items()) == []


def test_ids_that_are_missing(path: Path) -> None:
    assert (
        "row 2 has nothing in the id column"
        in refused(source(path, "SELECT * FROM item ORDER BY id", id_column="name")).message
    )
    assert refused(source(path, "SELECT * FROM item", id_column="nme")).hint == "did you mean 'name'?"


def test_a_database_that_is_not_there_is_not_made(path: Path) -> None:
    missing = path.parent / "no.db"
    assert refused(source(missing, "SELECT 1")).message == f"there is no file {missing}"
    assert "is a folder" in refused(source(path.parent, "SELECT 1")).message
    other = path.parent / "text.db"
    other.write_text("some text that is long enough to be a header" * 9)
    assert "not a database" in refused(source(other, "SELECT * FROM x")).message


def test_a_locked_database_says_so(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert BUSY_TIMEOUT_S >= 1
    monkeypatch.setattr("abp_tui.enumerators.sql_sqlite.BUSY_TIMEOUT_S", 0.05)
    holder = sqlite3.connect(path)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        error = refused(source(path, "SELECT * FROM item"))
    finally:
        holder.close()
    assert "locked" in error.message and "another program holds it" in error.hint


ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n WHERE i < {}"


@pytest.mark.parametrize("first", [0, 3])
def test_a_query_that_never_comes_to_its_next_row_ends(path: Path, first: int) -> None:
    made = source(path, ENDLESS.format(first), timeout_s=1)
    error = refused(made)
    assert "1 s" in error.message and "timeout_s" in error.hint


def test_the_time_between_rows_is_not_the_querys(path: Path) -> None:
    long = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 300000) SELECT i FROM n"
    rows = iter(source(path, f"{long} WHERE i % 100000 = 0", timeout_s=1).items())
    assert next(rows).payload["i"] == 100_000
    time.sleep(1.1)  # what the query may take, and more
    assert [row.payload["i"] for row in rows] == [200_000, 300_000]


@pytest.mark.parametrize("answer", ["_Watch", "_Guard"])
def test_ctrl_c_while_sqlite_asks_us_something_is_not_lost(
    path: Path, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(f"abp_tui.enumerators.sql_sqlite.{answer}.__call__", interrupted)
    with pytest.raises(KeyboardInterrupt):
        list(source(path, ENDLESS.format(0)).items())


def test_what_was_abandoned_before_it_began_does_not_begin(path: Path) -> None:
    made = source(path, ENDLESS.format(0))
    made.abandon()
    assert "nobody wants" in refused(made).message


def test_a_query_that_nobody_waits_for_any_more_ends(path: Path) -> None:
    made = source(path, ENDLESS.format(0))
    made.validate()
    timer = threading.Timer(0.2, made.abandon)
    timer.start()
    with pytest.raises(InvalidInput, match="nobody wants"):
        list(made.items())
    timer.join()
    made.abandon()


def test_values_that_json_does_not_know(path: Path) -> None:
    query = "SELECT x'ff' AS b, x'6162' AS a, CAST(x'fffe' AS TEXT) AS t, 9e999 AS inf, char(0) || 'x' AS nul"
    [item] = source(path, query).items()
    assert dict(item.payload) == {
        "b": "/w==", "a": "ab", "t": "//4=", "inf": "inf", "nul": "\0x", "_row_index": 0
    }  # fmt: skip
    assert plain({1: (b"x", 1.5)}) == {"1": ["x", 1.5]}
