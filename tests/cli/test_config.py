from __future__ import annotations

from tests.cli.driver import Abp


def test_config_shows_values_and_their_sources(abp: Abp) -> None:
    file = abp.folder / "mine.toml"
    file.write_text("\n" + "max_retries = 1\n")
    shown = abp.run("config", ABP_CONFIG=str(file), ABP_MAX_WORKERS="9").stdout
    rows = {line.split()[0]: line.split(maxsplit=2)[1:] for line in shown.splitlines()[1:-1]}
    assert rows["max_workers"] == ["9", "ABP_MAX_WORKERS"]
    assert rows["max_retries"] == ["1", f"{file}, line 2"]
    assert rows["max_failures_in_row"] == ["10", "default"]
    assert f"file: {file}" in shown


def test_config_names_the_line_that_is_wrong(abp: Abp) -> None:
    file = abp.folder / "mine.toml"
    file.write_text('max_retries = 1\nmax_workers = "many"\n')
    said = abp.run("config", code=2, ABP_CONFIG=str(file)).stderr
    assert said.startswith(f"abp: {file}, line 2: max_workers: ")
    assert said.count("\n") == 1
