"""Foreign text on a terminal is harmless."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abp_tui.terminal import attention, harmless


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("plain\n\ttext", "plain\n\ttext"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bP+q544e\x1b\\dcs", "dcs"),
        ("\x9b2Jc1", "c1"),
        ("\x1bcreset", "reset"),
        ("a\rb\r\nc", "a\nb\nc"),
        ("\x00\x07\x08\x7f", ""),
        ("abc\u202egnp.exe", "abcgnp.exe"),
        ("broken \udcff name", "broken \ufffd name"),
        ("a\u200bb\U000e0041", "ab"),
        ("Grüße 風", "Grüße 風"),
    ],
)
def test_harmless(text: str, left: str) -> None:
    assert harmless(text) == left


@given(st.text())
def test_nothing_that_a_terminal_obeys_is_left(text: str) -> None:
    left = harmless("\x1b[" + text + "\x9d")
    assert not any((ord(char) < 32 and char not in "\n\t") or 0x7F <= ord(char) < 0xA0 for char in left)
    left.encode()


def test_a_bell_and_where_it_is_known_to_be_shown_a_text() -> None:
    assert attention("done", {"TERM": "xterm"}) == "\a"
    assert attention("done", {"TERM": "xterm-kitty", "TMUX": "x"}) == "\a"
    shown = attention("do\x1b]0;x\x07ne\nit", {"TERM_PROGRAM": "WezTerm"})
    assert shown == "\x1b]9;done it\x1b\\\a"
