from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abp_tui.domain.failure import FailureKind
from abp_tui.domain.fingerprint import fingerprint, normalise

IDS = st.one_of(
    st.uuids().map(str),
    st.from_regex(r"0[0-7][0-9A-HJKMNP-TV-Z]{24}", fullmatch=True),
    st.from_regex(r"(?:req|msg|toolu|call)_0[0-9A-Za-z]{22}", fullmatch=True),
    st.from_regex(r"0x[0-9a-f]{4,12}", fullmatch=True),
    st.integers(0, 10**12).map(str),
)
NAMES = st.from_regex(r"[a-z][a-z0-9_-]{0,8}", fullmatch=True)
FILES = st.tuples(NAMES, st.sampled_from(("py", "md", "tar.gz", "csv", "ipynb", "tsx", "txt"))).map(".".join)
PATHS = st.one_of(
    FILES,
    st.tuples(NAMES, FILES).map("/".join),
    st.tuples(NAMES, NAMES, NAMES).map("/".join),
    st.tuples(st.sampled_from(("/", "./", "../", "~/", "https://")), NAMES, FILES).map(
        lambda parts: parts[0] + "/".join(parts[1:])
    ),
)
NUMBERS = st.integers(0, 10**9)


@given(one=st.tuples(IDS, PATHS, NUMBERS), other=st.tuples(IDS, PATHS, NUMBERS))
def test_errors_that_differ_only_in_ids_paths_and_numbers_are_one_cause(
    one: tuple[str, str, int], other: tuple[str, str, int]
) -> None:
    def normal(error: tuple[str, str, int]) -> str:
        return normalise("agent {0} stopped: can't read {1} ('{1}'), line {2}, after {2} s".format(*error))

    assert normal(one) == normal(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("can't read /srv/a/one.md: no such file", "can't read /srv/b/c/two.txt: no such file"),
        ("can't read foo_bar.py", "can't read x.py"),
        ("can't read src/a/b.py", "can't read README.md"),
        ("can't read 'src/a/b/c'", "can't read 'lib/x/'"),
        (r"can't read C:\Users\ann\a.txt", r"can't read D:\b"),
        ("foo.py:12:5: bad", "src/bar.py:3:40: bad"),
        ("timed out after 30.5 s", "timed out after 9 s"),
        ("it is 1e-05 off", "it is -3 off"),
        ("request req_011CSHoEeqs5C35K2UUqR7Fy failed", "request req_011Cxyz failed"),
        ("tool toolu_01A09q90qw90lq917835lq9 failed", "tool toolu_013XY failed"),
        ("id 01ARZ3NDEKTSV4RRFFQ69G5FAV", "id 01HZY3NDEKTSV4RRFFQ69G5FBW"),
        ("id aB3dE9fGh1JkLm0PqRsT", "id 7xYzW2vUt8SrQ5pOn3Ml"),
        ("id cjld2cjxh0000qzrmn831i7rn", "id 12"),
        ("request 3f2b8c1e-9d4a-4f6b-8e2a-0c1d2e3f4a5b failed", "request "
         "00000000-1111-2222-3333-444444444444 failed"),
        ("object at 0x7f33aa", "object at 0x10"),
        ("commit deadbeef01 is gone", "commit 0123456789 is gone"),
        ("GET https://a.example/v1/x?y=1 failed", "GET http://localhost:8080/b failed"),
        ("took 450 s for 500 rows", "took 451 s for 501 rows"),
        ("two\n  lines", "two lines"),
        ("File Missing", "file missing"),
        ("no account for ann.lee+x@mail.example.org", "no account for bob@a.io"),
    ],
)  # fmt: skip
def test_errors_that_differ_in_noise_have_one_fingerprint(one: str, other: str) -> None:
    assert normalise(one) == normalise(other)
    assert fingerprint(FailureKind.AGENT_ERROR, one) == fingerprint(FailureKind.AGENT_ERROR, other)


@pytest.mark.parametrize(
    "error",
    [
        "exit code {}",
        "exited with {}",
        "exited with code {}: see /tmp/a.log",
        "returned non-zero exit status {}",
        "killed by signal {}",
        "[Errno {}] it can't be done: 'a.txt'",
        "API Error: {}",
        'API Error: {} {{"type":"error","request_id":"req_011CSHoEeqs5C35K2UUqR7Fy"}}',
        '{{"status":{}}}',
        "status code: {}",
        "HTTP {}",
        "HTTP/1.1 {} x",
        "HTTPError: {}",
        "the request failed with {}",
        "got {}, gave up",
        "API Error: Request rejected ({}) · scripted",
        "got a {} response",
    ],
)
def test_how_something_ended_is_a_cause(error: str) -> None:
    assert len({normalise(error.format(code)) for code in (429, 500, 503)}) == 3


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("429 Too Many Requests", "503 Service Unavailable"),
        ("Client error '403 Forbidden' for url", "Client error '404 Not Found' for url"),
        ("exit code 1", "exit code 2"),
        ("read/write failed", "read/execute failed"),
        ("text/html is refused", "application/json is refused"),
        ("json.decoder.JSONDecodeError", "json.encoder.JSONEncodeError"),
        ("openai.RateLimitError: no", "openai.AuthenticationError: no"),
        ("Base64DecodeError", "InvalidUtf8SequenceError"),
        ("call_failed", "msg_missing"),
        ("rate_limit_error", "overloaded_error"),
        ("a defaced facade", "a decade"),
        ("KeyError: 'title'", "KeyError: 'author'"),
        ("internationalisation", "misunderstandings"),
    ],
)
def test_ordinary_words_are_no_noise(one: str, other: str) -> None:
    assert normalise(one) != normalise(other)
    assert "#" not in re.sub(r"\w#\w", "", normalise(one))


@pytest.mark.parametrize(
    ("field", "one", "other"),
    [
        ("title", "On Growth", "The Sea, the Sea"),
        ("city", "Berlin", "São Paulo"),
        ("file_name", "my notes.weird", "other notes.weird"),
        ("_id", "kiwi", "apple"),
        ("value", "kiwi", "apple"),
        ("code", "n12", "x-y"),
    ],
)
def test_values_of_the_item_are_noise(field: str, one: str, other: str) -> None:
    def cause(value: str) -> str:
        return fingerprint(
            FailureKind.AGENT_ERROR, f"nothing is known of {value}.", "", {field: value, "n": 1}
        )

    assert cause(one) == cause(other)
    assert cause(one) != fingerprint(FailureKind.AGENT_ERROR, "nothing is known.")


@pytest.mark.parametrize("value", ["timeout", "a", "e", "1", "429", ""])
def test_a_common_word_or_number_that_an_item_holds_too_is_none(value: str) -> None:
    error = "timeout, exit code 1: a 429 response"
    assert normalise(error, {"kind": value, "n": 429}) == normalise(error)


@pytest.mark.parametrize(
    "error",
    [
        "can't read /data/{}/in.txt",
        "denied: pdftotext {}.pdf -",
        "src/{}/a/b",
        "https://a.example/{}/x",
        "{}",
    ],
)
def test_a_path_with_a_value_of_the_item_in_it_is_a_path_all_the_same(error: str) -> None:
    names = ("n2", "n11", "n12-final", "Berlin")
    assert len({normalise(error.format(name), {"id": name}) for name in names}) == 1


@pytest.mark.parametrize("quote", ["'", '"', "`"])
def test_a_plain_word_of_the_item_is_noise_where_it_is_quoted(quote: str) -> None:
    def cause(value: str) -> str:
        return normalise(f"KeyError: {quote}{value}{quote}", {"name": value})

    assert cause("alice") == cause("robert") == f"keyerror: {quote}#{quote}"
    assert cause("bob") != cause("amy")  # too short to be no other word
    assert normalise("no alice's file", {"name": "alice"}) == "no alice's file"
    assert normalise("KeyError: 'title'", {"name": "alice"}) == "keyerror: 'title'"


def test_values_deep_in_the_item_are_noise() -> None:
    def cause(city: str, name: str) -> str:
        item = {"at": {"city": city, "people": [{"name": name}]}, "n": 1}
        return normalise(f"nobody in {city} is '{name}'", item)

    assert cause("Berlin", "alice") == cause("São Paulo", "robert") == "nobody in # is '#'"


def test_a_value_within_a_word_is_left_in_it() -> None:
    assert normalise("Overberlined", {"city": "berlin", "b": "Over"}) == "overberlined"


def test_different_causes_have_different_fingerprints() -> None:
    prints = {
        fingerprint(FailureKind.AGENT_ERROR, "file missing"),
        fingerprint(FailureKind.AGENT_ERROR, "disk full"),
        fingerprint(FailureKind.TRANSIENT, "file missing"),
        fingerprint(FailureKind.AGENT_ERROR, "file missing", "Bash"),
    }
    assert len(prints) == 4


@given(st.text())
def test_any_error_has_a_short_fingerprint(error: str) -> None:
    assert re.fullmatch("[0-9a-f]{12}", fingerprint(FailureKind.AGENT_ERROR, error, "", {"text": error}))


def test_a_lone_surrogate_and_a_huge_error_do_not_break_the_fingerprint() -> None:
    for error in ("\udc80", "/a" * 1_000_000, "a." * 1000, "a/" * 1000, "1a" * 1000, "1," * 1000):
        assert re.fullmatch("[0-9a-f]{12}", fingerprint(FailureKind.AGENT_ERROR, error))
