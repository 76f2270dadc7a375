"""What a shell completes: with the real shells, over a real store, quickly and without a word on errors."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from abp_tui.store.repository import Repository
from tests.cli.driver import Abp
from tests.factories import make_job

BASH = """
source <(abp completion bash)
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
compopt() { printf 'compopt %s\n' "$2"; }
_abp_completion abp
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def program(abp: Abp) -> Abp:
    """With `abp` on the path, as a shell finds it."""
    abp.env["PATH"] = f"{Path(sys.executable).parent}:{abp.env['PATH']}"
    repository = Repository(abp.store)
    for name in ("words", "works", "other"):
        make_job(repository, 1, name=name)
    return abp


def bash(abp: Abp, *words: str) -> list[str]:
    return shell(abp, ["bash", "-c", BASH, "bash", "abp", *words])


def shell(abp: Abp, command: list[str]) -> list[str]:
    done = subprocess.run(
        command,
        cwd=abp.folder,
        env=abp.env,
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )
    assert done.stderr == "", done.stderr
    return done.stdout.split("\n")[:-1]


def test_jobs_are_those_of_the_database_that_was_named(program: Abp) -> None:
    del program.env["ABP_STORAGE_PATH"]
    assert bash(program, "--database", str(program.store), "show", "oth") == ["other"]
    assert "other" not in bash(program, "show", "oth")


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("sh",), ["show"]),
        (("show", "wor"), ["works", "words"]),
        (("show", "j2"), ["j2"]),
        (("export", "words", "--form"), ["--format"]),
        (("export", "words", "--format", "s"), ["sqlite"]),
        (("units", "words", "--status", "f"), ["failed"]),
        (("new", "x", "--worker", "cl"), ["claude"]),
        (("new", "x", "--source", "d"), ["dynamic"]),
        (("set", "words", "max_w"), ["max_workers="]),
        (("export", "words", "-o", "x"), ["compopt default"]),
        (("new", "x", "--files", "x"), ["compopt dirnames"]),
        (("fields", "un"), ["unit"]),
        (("show", "nothing"), []),
    ],
)
def test_bash(program: Abp, words: tuple[str, ...], found: list[str]) -> None:
    assert [word for word in bash(program, *words) if word] == found


@pytest.mark.skipif(shutil.which("fish") is None, reason="there is no fish here: apt-get install fish")
def test_fish(program: Abp) -> None:
    script = 'abp completion fish | source; complete -C "abp show wor"'
    assert {line.split("\t")[0] for line in shell(program, ["fish", "-c", script])} == {"words", "works"}


@pytest.mark.skipif(shutil.which("zsh") is None, reason="there is no zsh here: apt-get install zsh")
def test_zsh(program: Abp) -> None:
    script = """
    compdef() { }
    eval "$(abp completion zsh)"
    _describe() { print -l -- ${(P)3}; }
    words=(abp show wor); CURRENT=3
    _abp_completion
    """
    assert {line.split(":")[0] for line in shell(program, ["zsh", "-fc", script])} == {"words", "works"}


def test_a_store_that_is_not_there_or_is_none_says_nothing_and_is_not_made(abp: Abp) -> None:
    abp.env["PATH"] = f"{Path(sys.executable).parent}:{abp.env['PATH']}"
    assert bash(abp, "show", "") == [""]
    assert not abp.store.exists()
    abp.store.parent.mkdir()
    abp.store.write_text("no database")
    assert bash(abp, "show", "") == [""]
    abp.env["ABP_MAX_WORKERS"] = "many"
    assert bash(abp, "show", "") == [""]
    assert abp.store.read_text() == "no database"
