"""Settings as people type them, and as they are shown to be typed again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abp_tui.domain.model import Timers
from abp_tui.errors import InvalidInput
from abp_tui.verbs.typed import settings_line, typed_edits

NAMES = st.text("abcdefgh_", min_size=1)
VALUES = st.recursive(
    st.text(min_size=1) | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=4,
)


def test_a_line_of_settings(tmp_path: Path) -> None:
    (tmp_path / "part.json").write_text('{"type": "object"}')
    options = "option.model=haiku option.allowed_tools='[\"Read\"]' option.effort="
    line = f"idle=300 total_s=0 {options} schema={tmp_path}/part.json"
    assert typed_edits(line) == {
        "timers": {"idle_s": 300.0, "total_s": 0.0},
        "worker_options": {"model": "haiku", "allowed_tools": ["Read"], "effort": None},
        "output_schema": {"type": "object"},
    }


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("idle", "idle_s is ''"),
        ("idle=soon", "idle_s is 'soon'"),
        ("lunch=3", "a job has no setting 'lunch'"),
        ("option.model='haiku", "close the quotation"),
        ("budget_usd=3", "belongs to the job"),
        ("checks=3", "checks is '3'"),
        ("schema=/no/such", "can't read /no/such"),
    ],
)
def test_what_can_not_be_read_is_told(line: str, told: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        typed_edits(line)
    assert told in str(refused.value)


@given(st.dictionaries(NAMES, VALUES))
def test_settings_are_shown_as_they_are_typed(options: dict[str, Any]) -> None:
    edits = typed_edits(settings_line(Timers(idle_s=7).model_dump(), options))
    assert edits["timers"] == Timers(idle_s=7).model_dump()
    assert edits.get("worker_options", {}) == options
