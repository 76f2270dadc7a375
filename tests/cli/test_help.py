"""Every verb explains itself, with an example, and what is listed can be had as JSON with named fields."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest

from abp_tui.cli.fields import MODELS
from abp_tui.cli.group import MODULE_OF
from abp_tui.cli.group import abp as group
from tests.cli.driver import Abp

LISTS = "ls units events log failures sources config doctor fields check".split()


def verb(name: str) -> click.Command:
    command = group.get_command(click.Context(group), name)
    assert command is not None
    return command


@pytest.mark.parametrize("name", MODULE_OF)
def test_a_verb_has_an_example_and_says_what_each_option_is(name: str) -> None:
    command = verb(name)
    assert f"abp {name}" in (command.help or "") and "\\b" not in (command.help or "")
    for parameter in command.params:
        assert isinstance(parameter, click.Argument) or getattr(parameter, "help", None), parameter.name
    assert any(parameter.name == "quiet" for parameter in command.params)


@pytest.mark.parametrize("name", LISTS)
def test_what_is_listed_can_be_json(name: str) -> None:
    assert any("--json" in parameter.opts for parameter in verb(name).params)


def test_the_exit_codes_are_in_the_help() -> None:
    for code in "0 1 2 3 4 124".split():
        assert f" {code} " in f" {(group.help or '').rpartition('Exit codes:')[2]}"


def test_fields_come_from_the_models(abp: Abp) -> None:
    said = abp.run("fields").stdout
    for name, (path, _) in MODELS.items():
        schema = json.loads(abp.quick("fields", name, "--json"))
        assert schema["title"] == path.rpartition(":")[2]
        assert all(field in said for field in schema["properties"])
    assert abp.run("fields", "unti", code=2).stderr.count("did you mean 'unit'?") == 1


def test_the_documents_have_the_fields_that_are_documented(abp: Abp, texts: Path) -> None:
    abp.run("new", "w", "--intent", "Count", "--files", texts, "--max-retries", "0", "--", "false")
    abp.run("start", "w", "--skip-test", "--wait", code=1)

    def fields(what: str) -> set[str]:
        return set(json.loads(abp.quick("fields", what, "--json"))["properties"])

    assert set(abp.json("show", "w")) == fields("job")
    assert set(abp.json("units", "w")[0]) == fields("unit")
    assert set(abp.json("failures", "w")[0]) == fields("cause")
    assert set(abp.json("log", "w")[0]) == fields("log")
    assert set(abp.json("events", "w", "--unit", "0")[0]) >= fields("event")
    assert set(json.loads(abp.quick("export", "w", "--attempts").splitlines()[0])) == fields("attempt")
    assert set(abp.json("config")[0]) == fields("setting")


def test_quiet_leaves_data_and_errors(abp: Abp, texts: Path) -> None:
    done = abp.run("new", "w", "--quiet", "--intent", "Count", "--files", texts, "--", "true")
    assert (done.stdout, done.stderr) == ("j1\n", "")
    assert abp.run("start", "w", "--skip-test", "--wait", "-q").stderr == ""
    assert abp.run("show", "nobody", "-q", code=2).stderr.startswith("abp: ")


def test_two_versions_of_a_prompt_are_compared(abp: Abp, texts: Path) -> None:
    abp.run("new", "w", "--intent", "x", "--prompt", "one\ntwo", "--files", texts, "--", "true")
    abp.run("prompt", "w", "--set", "one\nthree")
    said = abp.run("prompt", "w", "--diff", "1", "2").stdout.splitlines()
    assert [line.partition("\t")[0] for line in said[:2]] == ["--- version 1", "+++ version 2"]
    assert [line for line in said[2:] if line[0] in "+-"] == ["-two", "+three"]
    assert "no recipe version 9" in abp.run("prompt", "w", "--diff", "1", "9", code=2).stderr


def test_keys_for_no_command_are_named_with_their_line(abp: Abp) -> None:
    file = abp.folder / "mine.toml"
    file.write_text('[keys]\n"jobs.new" = "f5"\n"jobs.nwe" = "f6"\n')
    said = abp.run("config", code=2, ABP_CONFIG=str(file)).stderr
    assert said.startswith(f"abp: {file}, line 3: there is no command 'jobs.nwe'") and "'jobs.new'" in said


def test_options_of_the_wrong_kind_are_told_in_words(abp: Abp, texts: Path) -> None:
    for option, words in (
        ("allowed_tools=Read", 'allowed_tools: it must be a list: ["a", "b"]'),
        ("lean=perhaps", "lean: it must be true or false"),
        ("max_turns=many", "max_turns: it must be a whole number"),
    ):
        done = abp.run("new", "w", "--intent", "x", "--files", texts, "--worker-option", option, code=2)
        assert words in done.stderr and "Input should" not in done.stderr


def test_the_beginning_of_a_cause_will_do_and_a_long_error_is_marked_where_it_is_cut(
    abp: Abp, texts: Path
) -> None:
    script = 'echo "$(basename "$1") $(printf %0300d 0 | tr 0 x)" >&2; exit 1'
    abp.run(
        "new", "w", "--intent", "x", "--files", texts, "--max-retries", "0",
        "--", "sh", "-c", script, "sh", "{file_path}",
    )  # fmt: skip
    abp.run("start", "w", "--skip-test", "--wait", code=1)
    causes = abp.json("failures", "w")
    assert all(line.endswith("…") for line in abp.run("failures", "w").stdout.splitlines()[1:])
    first = causes[0]["fingerprint"]
    assert "run" in abp.run("retry", "w", "--cause", first[:6]).stderr
    abp.run("wait", "w", code=1)
    assert "no unit" in abp.run("retry", "w", "--cause", "zzz", code=2).stderr
