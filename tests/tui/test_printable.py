from __future__ import annotations

from pathlib import Path

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.widgets import TextArea

from abp_tui.tui.printable import Printable
from tests.tui.screens import InProcess, lines, running, until, until_shown


def test_a_line_keeps_its_width_and_loses_what_is_no_letter() -> None:
    before = "a\x1b]52;c;x\x07\x9b \u202e\u200b漢\u2028e\u0301"
    [after] = Printable().apply([Segment(before)], Color(0, 0, 0))
    assert after.text.isprintable()
    assert cell_len(after.text) == cell_len(before)
    assert after.text.startswith("a]52;c;x")


async def test_what_is_pasted_into_a_field_stays_away_from_the_terminal(tmp_path: Path) -> None:
    async with running(InProcess(tmp_path)) as pilot:
        await pilot.press("n")
        await until(pilot, lambda: bool(pilot.app.screen.query(TextArea)))
        pilot.app.screen.query_one(TextArea).text = "Do it \x1b[31m\x1b]52;c;ZXZpbA==\x07 now"
        await until_shown(pilot, "Do it [31m", " now")
        assert all(line.isprintable() for line in lines(pilot))
