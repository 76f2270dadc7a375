from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from abp_tui.enumerators.base import make_enumerator
from abp_tui.enumerators.sql_server_url import connection_settings
from abp_tui.enumerators.sql_url import address, masked, sqlite_path
from abp_tui.enumerators.sql_variables import Address, only_variables
from abp_tui.errors import AbpError, InvalidInput

NOTHING: dict[str, str] = {}

passwords = st.text(min_size=4) | st.text(st.sampled_from("pw@:/?#%&=${}[]' \\.\0,"), min_size=4)
spellings = st.sampled_from(
    [
        "postgresql://u:{}@h/d",
        "postgres://u:{}@h:5432,i:5433/d?sslmode=require",
        "postgresql+psycopg://u:{}@[::1]/d",
        "postgresql://u@h/d?password={}",
        "postgresql://u@h?sslmode=require&sslpassword={}&port=1",
        "postgresql://u:{}@",
        "postgresql://u:{}@h/d?a",
        "postgres:u:{}@h/d",
        "postgrsql://u:{}@h/d",
        "u:{}@h/d",
        "host=h user=u password={} dbname=d",
        "host=h password = '{}'",
        "${{HOST_OF_ALL}} password={}",
        "${{WHERE}}u:{}@h/d",
        "${{WHERE}}:{}@h/d",
    ]
)


def what_is_said(url: str) -> str:
    """What there is to read of a source over this address: it is stored and shown, or refused."""
    try:
        made = make_enumerator("sql", {"connection_string": url, "query": "SELECT 1"})
        address(url, {"HOST_OF_ALL": "host=h", "WHERE": "postgresql://"})
    except AbpError as error:
        return str(error)
    except ValueError as error:
        return f"{error} {made.record()} {made.config!r}"
    return f"{made.record()} {made.config!r}"


@given(passwords, passwords, spellings, st.booleans())
def test_what_is_stored_or_refused_shows_nothing_of_a_password(
    password: str, other: str, spelling: str, escaped: bool
) -> None:
    one, two = (quote(word, safe="") if escaped else word for word in (password, other))
    assume(not only_variables(one))
    said = what_is_said(spelling.format(one))
    assert one not in said or one in what_is_said(spelling.format(two))


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_a_password_arrives_as_it_is(password: str) -> None:
    escaped = quote(password, safe="")
    for url in (f"postgresql://u:{escaped}@h/d", f"postgresql://u@h/d?password={escaped}"):
        assert connection_settings(address(url, NOTHING)).get("password", "") == password
    in_a_variable = address("postgresql://u:${WORD}@h/d", {"WORD": password})
    assert connection_settings(in_a_variable).get("password", "") == password
    wholly = address("${ALL}", {"ALL": f"postgresql://u:{escaped}@h/d"})
    assert connection_settings(wholly).get("password", "") == password


@pytest.mark.parametrize(
    "url",
    [
        "mysql://a:hidden@b/c",
        "postgrsql://a:hidden@b/c",
        "host=b password=hidden",
        "a:hidden@b/c",
        "a:hidden@b://c",
        "postgres:a:hidden@b/c",
        "postgresql://u:hid@den/w@h/d",
        "postgresql://u:hid/hidden@h/d",
        "postgresql://u:hid?hidden@h/d",
        "postgresql://u:hidden",
        "postgresql://h/d?user=a@hidden",
    ],
)
def test_addresses_of_no_kind_we_know(url: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        make_enumerator("sql", {"connection_string": url, "query": "SELECT 1"})
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:hidden%zz@h/d",
        "postgresql://u:hidden%00@h/d",
        "postgresql://u:hidden%ff@h/d",
        "postgresql://u:hidden@h/d?sslmode",
        "postgresql://u:${WORD}@h/d",
        "postgresql://u:hidden@${HOST}/d",
    ],
)
def test_addresses_that_mean_nothing(url: str) -> None:
    environment = {"WORD": "hidden\udcff", "HOST": "a@hidden"}
    with pytest.raises(ValueError) as caught:
        connection_settings(address(url, environment))
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "settings"),
    [
        ("postgresql://", {}),
        ("postgresql:///d", {"dbname": "d"}),
        ("postgres://u@h", {"user": "u", "host": "h"}),
        ("postgresql://a%40b:p:w%20#@h:/", {"user": "a@b", "password": "p:w #", "host": "h"}),
        ("postgresql://h,i:6/a/b", {"host": "h,i", "port": ",6", "dbname": "a/b"}),
        ("postgresql://[::1]:5,[fe80::1%25e0]/", {"host": "::1,fe80::1%e0", "port": "5,"}),
        ("postgresql://%2Frun?options=-c%20a%3Db&user=u", {"host": "/run", "options": "-c a=b", "user": "u"}),
        ("postgresql://:${A}${B}x@h/${A}", {"password": "a%20@${H}x", "host": "h", "dbname": "a%20@"}),
        ("postgresql://${H}:${P}", {"host": "h,/run", "port": ",7"}),
        ("${U}", {"user": "u", "password": "${A}", "host": "h"}),
    ],
)  # fmt: skip
def test_the_parts_of_an_address(url: str, settings: dict[str, str]) -> None:
    environment = {"A": "a%20@", "B": "${H}", "H": "h,/run", "P": "7", "U": "postgresql://u:${A}@h"}
    assert connection_settings(address(url, environment)) == settings


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:word@h/d", "postgresql://u:***@h/d"),
        ("postgresql://u:wo@rd/x@h:5/d?a=b", "postgresql://***"),
        ("postgresql://u:${PW}@h/d", "postgresql://u:${PW}@h/d"),
        ("postgresql://u:a${PW}@h/d", "postgresql://u:***@h/d"),
        (
            "postgresql://u@h/d?password=word&sslpassword=two",
            "postgresql://u@h/d?password=***&sslpassword=***",
        ),
        ("postgresql://u@h?password=wo&rd&port=1&r=d", "postgresql://u@h?password=***&***&port=1&***"),
        ("postgresql://u:@h:5,i:6?host=x", "postgresql://u:@h:5,i:6?host=x"),
        ("postgresql://h/d", "postgresql://h/d"),
        ("sqlite:///a/b.db", "sqlite:///a/b.db"),
        ("sqlite:///a/b.db?mode=ro&password=word", "sqlite:///a/b.db?mode=ro&password=***"),
        ("a/b?.db", "a/b?.db"),
        ("${A}${B}", "${A}${B}"),
        ("${HOME}/b.db", "${HOME}/b.db"),
        ("${A}:word@h/d", "${A}***"),
        ("${A}/word${B}", "${A}***"),
    ],
)  # fmt: skip
def test_passwords_are_masked(url: str, shown: str) -> None:
    assert masked(url) == shown


def test_variables_of_an_address() -> None:
    found = address("sqlite:///${A}/${B_2}$C", {"A": "x%20", "B_2": "y"})
    assert sqlite_path(found) == f"{Path.cwd()}/x%20/y$C"
    with pytest.raises(InvalidInput, match="the variable A of the connection is not set"):
        address("${A}", NOTHING)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite:////tmp/a%20b.db", "/tmp/a b.db"),
        ("sqlite:///rel.db", "{cwd}/rel.db"),
        ("rel/x%20.db", "{cwd}/rel/x%20.db"),
        ("/abs.db", "/abs.db"),
        ("file:///abs.db?mode=rwc", "/abs.db"),
    ],
)
def test_where_a_database_file_is(url: str, expected: str) -> None:
    assert sqlite_path(Address(url, NOTHING)) == expected.format(cwd=Path.cwd())


@pytest.mark.parametrize("url", ["sqlite://rel.db", "sqlite:///a%zz.db", "sqlite:///a%00.db", "a\0.db"])
def test_what_no_database_file_can_be_called(url: str) -> None:
    with pytest.raises(InvalidInput, match=r"connection") as caught:
        make_enumerator("sql", {"connection_string": url, "query": "SELECT 1"}).validate()
    assert caught.value.hint
