from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from abp_tui.domain.failure import FailureKind
from abp_tui.domain.model import Denial, Event, EventKind, Outcome
from abp_tui.domain.secrecy import MASK, Mask, is_secret

SECRET = st.text(min_size=8, max_size=40).filter(lambda text: len(text.strip()) >= 8)
AROUND = st.text(max_size=20)
HIDDEN = "sk-ant-0123456789"


@pytest.mark.parametrize(
    "name",
    "ANTHROPIC_API_KEY OPENAI_APIKEY GITHUB_TOKEN aws_secret_access_key PGPASSWORD MYSQL_PASSWD "
    "SSH_PASSPHRASE AZURE_CREDENTIALS".split(),
)
def test_names_that_look_like_keys(name: str) -> None:
    assert is_secret(name, HIDDEN)
    assert not is_secret(name, "short  ")


@pytest.mark.parametrize("name", ["HOME", "PATH", "EDITOR", "ANTHROPIC_BASE_URL", "USER"])
def test_other_variables_are_none(name: str) -> None:
    assert not is_secret(name, HIDDEN)


@given(SECRET, AROUND, AROUND)
def test_no_text_holds_a_secret(secret: str, before: str, after: str) -> None:
    mask = Mask({"A_KEY": secret, "HOME": before})
    assert secret.strip() not in mask.text(before + secret + after)


@given(SECRET, AROUND)
def test_nor_does_json_in_json(secret: str, around: str) -> None:
    inner = json.dumps({"command": around + secret})
    assume(secret.strip() not in ("command", around))
    for text in (inner, json.dumps({"input": inner}), json.dumps({"a": [inner]}, ensure_ascii=False)):
        masked = Mask({"A_KEY": secret}).text(text)
        for form in (secret.strip(), json.dumps(secret.strip())[1:-1]):
            assert form not in masked


@given(st.dictionaries(st.text(max_size=5), st.integers() | AROUND, max_size=3), AROUND)
def test_what_holds_none_stays_as_it_is(value: dict[str, Any], text: str) -> None:
    mask = Mask({"A_KEY": HIDDEN})
    assert (mask.value(value), mask.text(text)) == (value, text)
    events = [Event(kind=EventKind.TEXT, body=text), Event(kind=EventKind.TEXT, raw=text)]
    assert mask.events(events) is events
    assert Mask({}).events(events) is events


def test_a_key_of_several_lines_is_none_of_them() -> None:
    key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG\nAAAAB3NzaC1yc2E\n-----END PRIVATE KEY-----\n"
    mask = Mask({"DEPLOY_KEY": key})
    assert mask.text("it says: AAAAB3NzaC1yc2E") == f"it says: {MASK}"
    assert mask.text(key) == f"{MASK}\n"


def test_the_longer_of_two_secrets_goes_first_and_bytes_that_are_no_text_go_too() -> None:
    mask = Mask({"A_KEY": "abcdefgh", "B_KEY": "abcdefgh-ijkl", "C_TOKEN": "caf\udce9-0123456"})
    assert mask.text("abcdefgh-ijkl abcdefgh caf\ufffd-0123456") == f"{MASK} {MASK} {MASK}"


def test_no_part_of_an_event_or_outcome_holds_one() -> None:
    mask = Mask({"A_KEY": HIDDEN})
    event = Event(
        kind=EventKind.TOOL_CALL, title=HIDDEN, ref=HIDDEN, body=f"echo {HIDDEN}", raw=f'"{HIDDEN}"'
    )
    outcome = Outcome.failed(
        FailureKind.AGENT_ERROR,
        f"bad {HIDDEN}",
        output=HIDDEN,
        result={HIDDEN: [HIDDEN, 3, None]},
        last_tool=HIDDEN,
        denials=(Denial(tool=HIDDEN, detail=HIDDEN),),
    )
    for masked in (*mask.events([event, event]), mask.outcome(outcome)):
        assert HIDDEN not in masked.model_dump_json()
    assert mask.outcome(outcome).result == {MASK: [MASK, 3, None]}
