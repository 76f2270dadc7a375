from __future__ import annotations

import pytest

from abp_tui.workers.acp_rules import Wish, allowed, check_rule


@pytest.mark.parametrize(
    ("rules", "kind", "about", "answer"),
    [
        (["edit"], "edit", "anything", True),
        (["edit"], "delete", "anything", None),
        (["*"], "delete", "anything", True),
        (["edit(*.md)"], "edit", "Write notes.md", True),
        (["edit(*.md)"], "edit", "Write notes.txt", None),
        (["execute(git *)"], "execute", "git log -3", True),
        (["execute(git *)"], "execute", "github x", None),
        (["execute(git log)"], "execute", "git log", True),
        (["*(git *)"], "other", "git log", True),
        ([], "read", "anything", True),
        ([], "search", "anything", True),
        ([], "fetch", "https://a.example", None),
        (["fetch(https://a.example/*)"], "fetch", "https://a.example/x?a=1&b=2", True),
    ],
)
def test_what_rules_allow(rules: list[str], kind: str, about: str, answer: bool | None) -> None:
    assert allowed(Wish(kind, about), rules, []) is answer


@pytest.mark.parametrize(
    "command",
    [
        "git log; rm -rf x",
        "git log && rm x",
        "git log | sh",
        "git log $(rm x)",
        "git log `rm x`",
        "git log > x",
        "git log\nrm x",
        "git log &",
        "git diff <(rm x)",
    ],
)
@pytest.mark.parametrize("kind", ["execute", "other"])
def test_a_glob_is_about_one_command_alone(kind: str, command: str) -> None:
    assert allowed(Wish(kind, command), [f"{kind}(git *)", "*(git *)"], []) is None
    assert allowed(Wish(kind, command), [f"{kind}({command})"], []) is True, "the whole of it is named"
    assert allowed(Wish(kind, command), [kind], []) is True


@pytest.mark.parametrize(
    ("deny", "kind", "about"),
    [
        (["read"], "read", "anything"),
        (["execute(rm *)"], "execute", "rm -rf x"),
        (["execute(rm *)"], "execute", "git log; rm -rf x"),
        (["*(*.env)"], "read", "Read .env"),
    ],
)
def test_what_is_denied_is_so_whatever_allows_it(deny: list[str], kind: str, about: str) -> None:
    assert allowed(Wish(kind, about), ["*"], deny) is False


@pytest.mark.parametrize("rule", ["", "write", "edit()", "edit(", "(x)", "edit x", "**"])
def test_other_forms_are_refused(rule: str) -> None:
    with pytest.raises(ValueError, match="is no rule"):
        check_rule(rule)
