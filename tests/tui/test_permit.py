"""The rules to allow, on the screen: all of them, each whole."""

from __future__ import annotations

from pathlib import Path

from abp_tui.tui.screens.permit import PermitScreen
from abp_tui.verbs.permits import Proposal
from tests.tui.screens import ALL, InProcess, running, shown, until, until_shown

LONG = "Bash(rm -f " + " ".join(f"/srv/parts/part-{n:03}.txt" for n in range(12)) + ")"
PROPOSALS = [Proposal(f"Bash(tool{n} *)", 20 - n, f"Bash tool{n} x") for n in range(1, 15)]


@ALL
async def test_all_rules_can_be_reached_and_allowed(tmp_path: Path, size: tuple[int, int]) -> None:
    answers: list[tuple[str, ...] | None] = []
    async with running(InProcess(tmp_path), size) as pilot:
        pilot.app.push_screen(PermitScreen(PROPOSALS), answers.append)
        await until_shown(pilot, "14 rules, 0 allowed", "1 deny  Bash(tool1 *)", "19 units")
        await until_shown(pilot, "19 units wanted it: Bash tool1 x", "space Allow or not")
        await pilot.press("2", "G", "space", "k", "k", "space", "space")
        await until_shown(pilot, "14 rules, 2 allowed", "  allow Bash(tool14 *)", "  deny  Bash(tool12 *)")
        await until_shown(pilot, "8 units wanted it: Bash tool12 x")
        await pilot.press("enter")
        await until(pilot, lambda: bool(answers))
    assert answers == [("Bash(tool2 *)", "Bash(tool14 *)")]


@ALL
async def test_a_long_rule_can_be_read_to_its_end(tmp_path: Path, size: tuple[int, int]) -> None:
    async with running(InProcess(tmp_path), size) as pilot:
        pilot.app.push_screen(PermitScreen([Proposal(LONG, 1, "Bash rm")]))
        await until_shown(pilot, "1 rule, 0 allowed", "1 deny  Bash(rm -f /srv/parts/part-000.txt")
        assert "part-001.txt" in shown(pilot)
        await pilot.press("tab", "G")
        await until_shown(pilot, "part-011.txt)", "1 unit wanted it: Bash rm")
