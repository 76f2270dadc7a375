"""Against a real server."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abp_tui.enumerators.base import make_enumerator
from abp_tui.enumerators.sql import SqlEnumerator
from abp_tui.enumerators.sql_postgres import _scrubbed
from abp_tui.errors import InvalidInput
from tests.postgres import PASSWORD, Server, server_or_skip


@pytest.fixture(scope="module")
def pg() -> Iterator[Server]:
    with server_or_skip() as running:
        running.run(
            "CREATE TABLE item (id bigint, updated_at timestamptz, price numeric, tags text[], "
            "about jsonb, b bytea)",
            "INSERT INTO item VALUES (1, '2024-05-06 07:08:09+00', 1.50, '{a,b}', '{\"n\": [1, null]}', "
            "'ab'), (2, NULL, NULL, NULL, NULL, '\\xff')",
        )
        yield running


def source(pg: Server, query: str, **config: Any) -> SqlEnumerator:
    made = make_enumerator("sql", {"connection_string": pg.url, "query": query, **config})
    assert isinstance(made, SqlEnumerator)
    return made


def memory(*, reset: bool = True) -> int:
    """The most memory of this process since it was asked for last with `reset`, in kB."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1])


def refused(made: SqlEnumerator) -> str:
    with pytest.raises(InvalidInput) as caught:
        made.validate()
        list(made.items())
    assert caught.value.hint
    assert PASSWORD not in str(caught.value)
    return caught.value.message


def test_rows_become_items_that_json_can_hold(pg: Server) -> None:
    made = source(pg, "SELECT * FROM item ORDER BY id;", id_column="id")
    made.validate()
    first, second = made.items()
    assert first.key == "1"
    about = {"n": [1, None]}
    expected = {
        "id": 1,
        "price": "1.50",
        "tags": ["a", "b"],
        "about": about,
        "b": "ab",
        "_row_index": 0,
        "_id": 1,
    }
    assert str(first.payload["updated_at"]).startswith("2024-05-06 ")
    assert {**first.payload, "updated_at": None} == {**expected, "updated_at": None}
    assert second.payload["b"] == "/w==" and second.payload["updated_at"] is None


def test_what_only_looks_like_writing_passes(pg: Server) -> None:
    query = (
        "WITH deleted AS (SELECT updated_at AS update FROM item) SELECT 'insert; drop' AS x, * FROM deleted"
    )
    assert [item.payload["x"] for item in source(pg, query).items()] == ["insert; drop"] * 2


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM item",
        "WITH gone AS (DELETE FROM item RETURNING *) SELECT * FROM gone",
        "SELECT 1; COMMIT; DROP TABLE item",
        "SELECT 1; COMMIT; SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE; DELETE FROM item",
        "SELECT nextval('counter')",
        "SELECT set_config('transaction_read_only', 'off', false)",
        "SELECT sneaky()",
        "COMMIT",
        "SELECT * FROM nothing",
    ],
)
def test_what_writes_is_refused_by_the_server(pg: Server, query: str) -> None:
    pg.run(
        "CREATE SEQUENCE IF NOT EXISTS counter",
        "CREATE OR REPLACE FUNCTION sneaky() RETURNS int LANGUAGE plpgsql AS "
        "$$ BEGIN SET transaction_read_only = off; DELETE FROM item; RETURN 1; END $$",
    )
    refused(source(pg, query))
    assert pg.run("SELECT count(*) FROM item") == [(2,)]
    assert pg.run("SELECT is_called FROM counter") == [(False,)]


def test_large_objects_which_a_read_only_transaction_may_write_are_not_kept(pg: Server) -> None:
    made = source(pg, "SELECT lo_from_bytea(0, 'abc')::text AS made")
    made.validate()
    with suppress(InvalidInput):  # servers since 16 refuse it
        list(made.items())
    assert pg.run("SELECT count(*) FROM pg_largeobject_metadata") == [(0,)]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("-- all\ndelete FROM item", "would write"),
        ("WITH gone AS (DELETE FROM item RETURNING *) SELECT * FROM gone", "would write"),
        ("SELECT 1,\nnothing", "LINE 2: nothing"),
        ("SELEC 1", "LINE 1: SELEC 1"),
        ("WITH x AS (SELECT 1) SELEC 'delete'", 'near "SELEC"'),
    ],
)
def test_what_the_server_says_is_about_the_query_as_it_is_written(pg: Server, query: str, words: str) -> None:
    message = refused(source(pg, query))
    assert words in message
    assert "DECLARE" not in message and "abp_items" not in message


@pytest.mark.parametrize("end", ["; -- c", ";; -- c\n-- d\n", "; -- it's c", " -- c"])
def test_a_comment_behind_the_query(pg: Server, end: str) -> None:
    made = source(pg, f"SELECT 1 AS a{end}")
    if "'" in end:
        assert 'near ";"' in refused(made)
    else:
        assert [item.payload["a"] for item in made.items()] == [1]


def test_what_looks_like_a_comment_in_a_text_stays(pg: Server) -> None:
    [item] = source(pg, "SELECT 'x; -- c' AS a").items()
    assert item.payload["a"] == "x; -- c"


def test_parameters_are_bound(pg: Server) -> None:
    query = "SELECT id FROM item WHERE id = %(n)s OR 'x' = %(s)s"
    params = {"n": 2, "s": "' OR 1=1 --"}
    assert [item.payload["id"] for item in source(pg, query, params=params).items()] == [2]
    assert "parameter" in refused(source(pg, query, params={"n": 2}))


def test_rows_come_as_a_stream_and_the_limit_ends_it(pg: Server) -> None:
    made = source(pg, "SELECT generate_series(1, 100000000) AS n", limit=3)
    made.validate()
    assert [item.payload["n"] for item in made.items()] == [1, 2, 3]
    assert "generate_series" not in str(
        pg.run("SELECT query FROM pg_stat_activity WHERE application_name = 'abp'")
    )


@pytest.mark.parametrize(
    "large",
    ["repeat('x', 67108865)", "convert_to(repeat('x', 67108865), 'utf8')", "repeat('[1],', 17000000)"],
)
def test_a_row_that_is_too_large_is_not_sent(pg: Server, large: str) -> None:
    made = source(pg, f"SELECT n, CASE WHEN n = 2 THEN {large} END AS t FROM generate_series(1, 3) AS n")
    made.validate()
    before = memory()
    assert "one of the rows 1 to 1000 of the query is over 64 MB" in refused(made)
    assert memory(reset=False) - before < 30_000


@pytest.mark.slow
def test_a_stored_row_that_is_small_only_while_compressed_is_not_sent(pg: Server) -> None:
    pg.run("CREATE TABLE packed AS SELECT repeat('x', 200000000) AS t")
    made = source(pg, "SELECT t FROM packed")
    made.validate()
    before = memory()
    assert "of the query is over 64 MB" in refused(made)
    assert memory(reset=False) - before < 30_000


def test_a_stored_row_that_unfolds_within_the_limit_is_read(pg: Server) -> None:
    pg.run(
        "CREATE TABLE folded AS SELECT repeat('x', 60000000) AS t, 'item'::regclass AS r, acldefault('r', 10)"
    )
    [item] = source(pg, "SELECT * FROM folded").items()
    assert len(item.payload["t"]) == 60_000_000


@pytest.mark.slow
def test_large_rows_are_in_memory_one_at_a_time(pg: Server) -> None:
    query = "SELECT repeat('x', 10000000) AS t FROM generate_series(1, 30)"
    before = memory()
    assert sum(len(item.payload["t"]) for item in source(pg, query).items()) == 300_000_000
    assert memory(reset=False) - before < 150_000


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("SELECT id FROM item ORDER BY id DESC -- the last first", {"id": 2}),
        ("VALUES (1, 'a')", {"column1": 1, "column2": "a"}),
        ("TABLE item ORDER BY id DESC", {"id": 2}),
        ("SELECT abp_row FROM (SELECT 5 AS abp_row) AS x", {"abp_row": 5}),
        ("SELECT ROW(1, 'a') AS r, NULL AS n, pg_sleep(0) AS v", {"r": ["1", "a"], "n": None, "v": ""}),
        ("SELECT 'item'::regclass AS t, 1.0 / 3 AS d, '50%' AS p", {"t": "item", "p": "50%"}),
    ],
)
def test_queries_of_every_form(pg: Server, query: str, first: dict[str, Any]) -> None:
    made = source(pg, query, limit=1)
    made.validate()
    [item] = made.items()
    assert {name: item.payload[name] for name in first} == first


def test_more_rows_than_are_fetched_at_a_time(pg: Server) -> None:
    made = source(pg, "SELECT n FROM generate_series(1, 2000) AS n", params={"unused": 1})
    assert [item.payload["n"] for item in made.items()] == list(range(1, 2001))


@pytest.mark.parametrize(
    "query", ["SELECT pg_sleep(600)", "SELECT n, pg_sleep(n - 1) FROM generate_series(1, 600) AS n"]
)
def test_a_query_that_never_comes_to_its_next_rows_ends(pg: Server, query: str) -> None:
    made = source(pg, query, timeout_s=1)
    with pytest.raises(InvalidInput, match="cancel") as caught:
        list(made.items())
    assert "1 s" in caught.value.hint and "timeout_s" in caught.value.hint
    assert not pg.active()


def test_what_was_abandoned_before_it_began_does_not_begin(pg: Server) -> None:
    made = source(pg, "SELECT pg_sleep(600)")
    made.abandon()
    assert "nobody wants" in refused(made)


def test_a_query_that_nobody_waits_for_any_more_ends(pg: Server) -> None:
    made = source(pg, "SELECT pg_sleep(60)::text AS x")
    timer = threading.Timer(0.3, made.abandon)
    timer.start()
    with pytest.raises(InvalidInput, match="cancel"):
        list(made.items())
    timer.join()


def test_columns_that_are_there_twice(pg: Server) -> None:
    assert "two columns called 'id'" in refused(source(pg, "SELECT a.id, b.id FROM item a, item b"))


@pytest.mark.parametrize(
    ("old", "new"), [(PASSWORD, "wr0ng-" + PASSWORD), ("127.0.0.1", "127.0.0.1:1"), ("/postgres", "/no_such")]
)
def test_a_server_that_can_not_be_reached(pg: Server, old: str, new: str) -> None:
    url = pg.url.replace(f"127.0.0.1:{pg.port}", new) if ":1" in new else pg.url.replace(old, new)
    made = make_enumerator("sql", {"connection_string": url, "query": "SELECT 1"})
    assert isinstance(made, SqlEnumerator)
    assert "***@127.0.0.1" in refused(made)


passwords = st.text(min_size=4) | st.text(st.sampled_from("pw@:/?#%&= '\\.,-"), min_size=4)
spellings = st.sampled_from(
    ["u:{}@{}", "abp:{}@{}", "u@{1}?password={0}", "u@{1}?application_name=x&sslpassword={0}", ":{}@{}"]
)


@settings(max_examples=200, deadline=None)
@given(passwords, passwords, spellings, st.sampled_from([str, quote]), st.booleans())
def test_no_error_shows_a_password(
    pg: Server, password: str, other: str, spelling: str, written: Callable[[str], str], there: bool
) -> None:
    """Whatever is wrong with it: an address that can't be read, a server that is not there or refuses it."""

    def said(word: str) -> str:
        url = "postgresql://" + spelling.format(
            written(word), f"127.0.0.1:{pg.port if there else 1}/postgres"
        )
        try:
            made = make_enumerator("sql", {"connection_string": url, "query": "SELECT 1 FROM nothing"})
            made.validate()
        except InvalidInput as error:
            return str(error)
        raise AssertionError("there is no such table")

    for form in (password, quote(password), quote(password, safe="")):
        assert form not in said(password) or form in said(other)


@pytest.mark.parametrize(
    "setting",
    ["sslmode=no-mode", "port=99999999", "connect_timeout=soon", "h1dden=1", "host=a,b&port=1,2,3"],
)
def test_settings_that_the_driver_can_not_read(pg: Server, setting: str) -> None:
    url = f"{pg.url}?{setting}"
    made = make_enumerator("sql", {"connection_string": url, "query": "SELECT 1"})
    assert isinstance(made, SqlEnumerator)
    assert "h1dden" not in refused(made)


@pytest.mark.parametrize("text", ["s3cret", "w0rd", "s3cret-w0rd/s%", "s3cret-w0rd%2Fs%25"])
def test_what_the_driver_says_of_a_password_is_not_repeated(text: str) -> None:
    told = _scrubbed(psycopg.OperationalError(f"near\n '{text}'"), {"password": f"{PASSWORD}/s%"})
    assert told == "near '***'"


def test_settings_of_the_address_count(pg: Server) -> None:
    query = "SELECT current_setting('work_mem') AS a, current_setting('application_name') AS b"
    url = pg.url + "?application_name=mine&options=-c%20work_mem%3D1MB%20-c%20transaction_read_only%3Doff"
    [item] = make_enumerator("sql", {"connection_string": url, "query": query}).items()
    assert (item.payload["a"], item.payload["b"]) == ("1MB", "mine")
    pg.run("CREATE SEQUENCE IF NOT EXISTS counter")
    writing = make_enumerator("sql", {"connection_string": url, "query": "SELECT nextval('counter')"})
    assert isinstance(writing, SqlEnumerator)
    assert "read" in refused(writing)


def test_the_password_comes_from_the_environment_and_is_not_kept(
    pg: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = pg.url.replace(PASSWORD, "${PG_WORD}")
    made = make_enumerator("sql", {"connection_string": url, "query": "SELECT 1 AS one"})
    with pytest.raises(InvalidInput, match="the variable PG_WORD"):
        made.validate()
    monkeypatch.setenv("PG_WORD", PASSWORD)
    assert [item.payload["one"] for item in made.items()] == [1]
    assert made.record()["connection_string"] == url
    assert source(pg, "SELECT 1").record()["connection_string"] == pg.url.replace(PASSWORD, "***")
