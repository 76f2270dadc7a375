"""The README's transcripts are what the program says."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[1]


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("transcripts", ROOT / "screenshots" / "transcripts.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_block_gets_what_its_commands_say_and_the_others_stay(tmp_path: Path) -> None:
    text = (
        "before\n<!-- transcript one -->\n```\n$ echo a; echo b >&2\nold\n"
        "$ ls \\\n   notes | head -n 1\n```\n"
        "<!-- transcript two -->\n```\n$ echo c\nstays\n```\n```\n$ echo unmarked\n```\n"
    )
    new = script().rewritten(text, {"one"}, tmp_path)
    first = "$ echo a; echo b >&2\na\nb\n$ ls \\\n   notes | head -n 1\n01-lighthouse-log.md\n```"
    assert first in new and new.startswith("before\n")
    assert "old" not in new and "$ echo c\nstays\n```" in new and new.endswith("$ echo unmarked\n```\n")


def test_every_transcript_of_the_readme_is_whole() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    marks = re.findall(r"<!-- transcript", readme)
    blocks = list(script().BLOCK.finditer(readme))
    assert len(blocks) == len(marks)
    for block in blocks:
        assert list(script().commands_of(block["body"])), block["name"]
