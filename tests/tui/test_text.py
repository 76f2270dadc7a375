from __future__ import annotations

import pytest
from rich.cells import cell_len

from abp_tui.tui.widgets.text import clean, fit, one_line, wrap


@pytest.mark.parametrize(
    ("foreign", "safe"),
    [
        ("boom [/nope]", "boom [/nope]"),
        ("[@click=app.quit]x[/]", "[@click=app.quit]x[/]"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[2J\x1b[1;1Hgone", "gone"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bPq#0\x1b\\after", "after"),
        ("\x9b31mc1", "c1"),
        ("bell\x07 back\x08 nul\x00 del\x7f", "bell back nul del"),
        ("a\u202eb\u2066c\u200fd", "abcd"),
        ("zero\u200bwidth\ufeff\u2060\u00ad", "zerowidth"),
        ("tag\U000e0041s", "tags"),
        ("one\r\ntwo\rthree\u2028four\x85five", "one\ntwo\nthree\nfour\nfive"),
        ("a\tb", "a    b"),
        ("lone \ud800 half", "lone \ufffd half"),
        ("\x1b", ""),
        ("\x1b[", ""),
    ],
)
def test_foreign_text_is_made_safe(foreign: str, safe: str) -> None:
    assert clean(foreign) == safe


def test_no_control_character_survives() -> None:
    everything = "".join(chr(n) for n in range(0x300))
    assert all(c == "\n" or (c.isprintable()) for c in clean(everything).replace("\u00a0", " "))


def test_one_line_folds_blanks_and_ends() -> None:
    assert one_line("  a\n\n b\tc  ") == "a b c"
    assert len(one_line("x" * 10_000)) == 500


@pytest.mark.parametrize("text", ["short", "a longer text than fits", "wide 漢字漢字漢字漢字", ""])
@pytest.mark.parametrize("options", [{}, {"right": True}, {"keep_end": True}])
def test_fit_fills_its_cells_exactly(text: str, options: dict[str, bool]) -> None:
    assert cell_len(fit(text, 9, **options)) == 9


def test_fit_keeps_the_end_of_a_path() -> None:
    assert fit("src/deep/down/reader.py", 10, keep_end=True) == "…reader.py"


@pytest.mark.parametrize("width", [3, 7, 20, 80])
def test_wrapped_lines_fit_and_lose_no_word(width: int) -> None:
    text = "words of several lengths, incomprehensibilities and 漢字漢字漢字 too\n\n  indented line"
    wrapped = wrap(text, width)
    assert all(cell_len(line) <= width for line in wrapped)
    assert "".join(" ".join(wrapped).split()) == "".join(text.split())


def test_wrap_breaks_at_blanks() -> None:
    assert wrap("one two three", 8) == ["one two", "three"]


def test_a_long_line_is_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    measured = 0

    def counted(text: str) -> int:
        nonlocal measured
        measured += len(text)
        return cell_len(text)

    monkeypatch.setattr("abp_tui.tui.widgets.text.cell_len", counted)
    found = []
    for size in (10_000, 40_000):
        measured = 0
        assert (
            "".join(wrap("\N{CJK UNIFIED IDEOGRAPH-6F22}" * size, 40))
            == "\N{CJK UNIFIED IDEOGRAPH-6F22}" * size
        )
        found.append(measured)
    assert found[1] < 4.5 * found[0], "as many times more as there is more of it"
