from __future__ import annotations

import shlex

import pytest

from abp_tui.workers.code_arguments import code_arguments, reads_code_from_stdin


@pytest.mark.parametrize(
    "line",
    [
        "sh -c CODE a b",
        "/bin/sh -c CODE a",
        "bash -lc CODE a",
        "bash -euo pipefail -c CODE a",
        "bash -o pipefail -c CODE a",
        "bash -c -e CODE a",
        "sh -cx CODE a",
        "fish --command=CODE a",
        "env sh -c CODE a",
        "env A=1 bash -c CODE a",
        "env -S CODE",
        "sudo -u bob bash -c CODE a",
        "timeout 5 bash -c CODE a",
        "xargs sh -c CODE",
        "find . -exec sh -c CODE _ a",
        "docker run img sh -c CODE _ a",
        "uv run python -c CODE",
        "python -c CODE a",
        "python3.12 -I -c CODE a",
        "python -Ic CODE a",
        "python -cCODE",
        "python -X dev -c CODE a",
        "perl -e CODE a",
        "perl -lne CODE a",
        "perl -E CODE -e CODE a",
        "ruby -e CODE",
        "node -e CODE a",
        "node --eval=CODE a",
        "node -p CODE",
        "deno eval CODE",
        "php -r CODE a",
        "awk -F , CODE a",
        "ssh host CODE CODE",
        "su bob -c CODE",
    ],
)
def test_code_is_found_and_its_arguments_are_not(line: str) -> None:
    argv = shlex.split(line)
    code = {at for at, argument in enumerate(argv) if "CODE" in argument}
    found = code_arguments(argv)
    assert code <= found
    assert not {at for at in found if at < len(argv) and argv[at] in ("a", "b")}


@pytest.mark.parametrize(
    "line", ["wc -c a", "sh script.sh -c a", "python -m mod -c a", "python x.py a", "grep -e a", "awk -f p a"]
)
def test_what_is_no_code(line: str) -> None:
    argv = shlex.split(line)
    assert argv.index("a") not in code_arguments(argv)


def test_a_shell_without_a_script_reads_code_from_stdin() -> None:
    assert reads_code_from_stdin(["bash"])
    assert reads_code_from_stdin(["python3", "-"])
    assert not reads_code_from_stdin(["python3", "script.py"])
    assert not reads_code_from_stdin(["cat"])
