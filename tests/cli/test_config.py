from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.driver import Abp
from tests.cli.test_refusals import assert_refused


def test_config_shows_values_and_their_sources(abp: Abp) -> None:
    file = abp.folder / "mine.toml"
    file.write_text("\n" + "max_retries = 1\n")
    shown = abp.run("config", ABP_CONFIG=str(file), ABP_MAX_WORKERS="9").stdout
    rows = {line.split()[0]: line.split(maxsplit=2)[1:] for line in shown.splitlines()[1:-1]}
    assert rows["max_workers"] == ["9", "ABP_MAX_WORKERS"]
    assert rows["max_retries"] == ["1", f"{file}, line 2"]
    assert rows["max_failures_in_row"] == ["10", "default"]
    assert f"file: {file}" in shown


def test_a_flag_goes_over_the_variable_and_is_shown_as_one(abp: Abp) -> None:
    shown = json.loads(abp.run("--database", "mine/", "config", "--json").stdout)
    sources = {each["name"]: each["source"] for each in shown}
    assert (sources["storage_path"], sources["max_workers"]) == ("flag --database", "default")
    (value,) = [each["value"] for each in shown if each["name"] == "storage_path"]
    assert value == str(abp.folder / "mine" / "abp.db")
    assert "ABP_STORAGE_PATH" in abp.run("config").stdout
    assert_refused(abp.run("--database", "", "ls", code=None), "--database is empty")


@pytest.mark.slow
def test_executors_and_their_agents_use_the_database_of_the_flag(abp: Abp, texts: Path) -> None:
    flag = ("--database", "mine.db")
    said = ("--", "sh", "-c", 'echo "$ABP_STORAGE_PATH"')
    elsewhere = abp.folder / "elsewhere"
    elsewhere.mkdir()
    abp.run(
        *flag, "new", "w", "--intent", "Count", "--files", texts, "--limit", "1", "--cwd", elsewhere, *said
    )
    abp.run(*flag, "start", "w", "--skip-test", "--wait")
    (unit,) = json.loads(abp.run(*flag, "units", "w", "--json").stdout)
    assert unit["output"].strip() == str(abp.folder / "mine.db")
    assert not abp.store.exists()
    assert not list(elsewhere.iterdir())


def test_config_names_the_line_that_is_wrong(abp: Abp) -> None:
    file = abp.folder / "mine.toml"
    file.write_text('max_retries = 1\nmax_workers = "many"\n')
    said = abp.run("config", code=2, ABP_CONFIG=str(file)).stderr
    assert said.startswith(f"abp: {file}, line 2: max_workers: ")
    assert said.count("\n") == 1


def test_the_keys_in_force_are_listed_with_their_ids(abp: Abp) -> None:
    file = abp.folder / "mine.toml"
    file.write_text('[keys]\n"jobs.new" = "f5"\n')
    shown = abp.run("config", "--keys", ABP_CONFIG=str(file)).stdout
    rows = {line.split()[0]: line.split()[1] for line in shown.splitlines()}
    assert (rows["jobs.new"], rows["jobs.open"], rows["app.help"]) == ("f5", "enter", "?,f1")
    assert "Make a job: what is to be done" in shown
    listed = json.loads(abp.run("config", "--keys", "--json", ABP_CONFIG=str(file)).stdout)
    assert listed[0] == {
        "id": "jobs.new", "keys": "f5", "help": "Make a job: what is to be done, with which items",
    }  # fmt: skip
    assert set(listed[0]) == set(json.loads(abp.quick("fields", "command", "--json"))["properties"])


def test_what_is_listed_as_a_key_can_be_written_as_one(abp: Abp) -> None:
    listed = json.loads(abp.quick("config", "--keys", "--json"))
    written = "".join(f"{json.dumps(each['id'])} = {json.dumps(each['keys'])}\n" for each in listed)
    file = abp.folder / "mine.toml"
    file.write_text(f"[keys]\n{written}")
    assert json.loads(abp.run("config", "--keys", "--json", ABP_CONFIG=str(file)).stdout) == listed


def test_a_name_without_quotes_is_refused_with_its_line_and_how_it_is_written(abp: Abp) -> None:
    file = abp.folder / "mine.toml"
    file.write_text('[keys]\n"jobs.open" = "o"\njobs.new = "R"\n')
    said = abp.run("config", code=None, ABP_CONFIG=str(file))
    assert_refused(said, f"abp: {file}, line 3: ", "in quotes", '"jobs.new" = ')


def test_an_unknown_command_is_one_line_and_the_ids_are_listed_all_the_same(abp: Abp) -> None:
    file = abp.folder / "mine.toml"
    file.write_text('[keys]\n"zzz" = "f5"\n')
    said = abp.run("config", code=None, ABP_CONFIG=str(file))
    assert_refused(said, f"abp: {file}, line 2: there is no command 'zzz' (`abp config --keys` lists them)")
    listed = abp.run("config", "--keys", code=2, ABP_CONFIG=str(file))
    assert "jobs.new " in listed.stdout and listed.stderr == said.stderr
