from __future__ import annotations

import os
from pathlib import Path

import pytest

from abp_tui import paths
from abp_tui.errors import InvalidInput
from abp_tui.settings import NotifySettings, Settings, load_settings, origins


@pytest.fixture
def config(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The settings file of an empty home, not yet written."""
    path = own_home / "config.toml"
    monkeypatch.setenv("ABP_CONFIG", str(path))
    path.touch()
    return path


def one_line(error: InvalidInput) -> str:
    assert "\n" not in str(error)
    return error.message


def test_defaults() -> None:
    settings = load_settings()
    assert (settings.max_workers, settings.max_retries, settings.skip_test) == (4, 3, False)
    assert (settings.timeout_s, settings.storage_path, settings.keys) == (1800.0, None, {})


def test_the_environment_goes_over_the_file_and_the_file_over_the_defaults(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.write_text('max_workers = 7\nmax_retries = 0\n[keys]\n"jobs.new" = "ctrl+n"\n')
    monkeypatch.setenv("ABP_MAX_WORKERS", "9")
    settings = load_settings()
    assert (settings.max_workers, settings.max_retries) == (9, 0)
    assert settings.keys == {"jobs.new": "ctrl+n"}


def test_an_argument_goes_over_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ABP_MAX_WORKERS", "9")
    assert Settings(max_workers=2).max_workers == 2


@pytest.mark.parametrize(
    ("value", "skips"),
    [("1", True), ("true", True), ("TRUE", True), ("0", False), ("false", False), ("", False)],
)
def test_skip_test(value: str, skips: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ABP_SKIP_TEST", value)
    assert load_settings().skip_test is skips


def test_other_variables_of_ours_do_not_upset_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ABP_ATTEMPT", "ABP_ITEM", "ABP_ITEM_FILE", "ABP_FORBID_SKIPS"):
        monkeypatch.setenv(name, "x:1")
    assert load_settings().max_workers == 4


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ABP_MAX_WORKERS", "many"),
        ("ABP_MAX_WORKERS", "0"),
        ("ABP_MAX_WORKERS", "1025"),
        ("ABP_MAX_RETRIES", "-1"),
        ("ABP_SKIP_TEST", "perhaps"),
        ("ABP_TIMEOUT_S", "-1"),
        ("ABP_KEYS", "{"),
        ("ABP_KEYS", "[1]"),
        ("ABP_NOTIFY", "{"),
        ("ABP_NOTIFY", '{"on": ["never"]}'),
        ("ABP_NOTIFY", '{"webhook": "file:///etc/passwd"}'),
    ],
)
def test_a_wrong_variable_is_named(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(InvalidInput) as caught:
        load_settings()
    assert one_line(caught.value).startswith(f"{name}")


def test_a_wrong_value_in_the_file_names_the_file_and_the_setting(config: Path) -> None:
    config.write_text('max_workers = "many"\n')
    with pytest.raises(InvalidInput) as caught:
        load_settings()
    assert one_line(caught.value).startswith(f"{config}, line 1: max_workers: ")


def test_an_unknown_setting_is_an_error_with_the_nearest_name(config: Path) -> None:
    config.write_text("# mine\nmax_retries = 1\nmax_worker = 3\n")
    with pytest.raises(InvalidInput) as caught:
        load_settings()
    assert one_line(caught.value) == f"{config}, line 3: there is no setting 'max_worker'"
    assert caught.value.hint == "did you mean 'max_workers'?"


def test_a_broken_file_is_one_line_with_its_line_number(config: Path) -> None:
    config.write_text("max_workers = 3\nmax_retries 4\n")
    with pytest.raises(InvalidInput, match="line 2") as caught:
        load_settings()
    assert str(config) in one_line(caught.value)


def test_a_file_that_is_not_utf8_is_an_error(config: Path) -> None:
    config.write_bytes(b"# caf\xe9\n")
    with pytest.raises(InvalidInput, match="utf-8") as caught:
        load_settings()
    assert str(config) in one_line(caught.value)


def test_a_folder_in_place_of_the_file_is_an_error(config: Path) -> None:
    config.unlink()
    config.mkdir()
    with pytest.raises(InvalidInput, match="can't be read"):
        load_settings()


def test_a_named_file_must_be_there(config: Path) -> None:
    config.unlink()
    with pytest.raises(InvalidInput, match="there is no file") as caught:
        load_settings()
    assert caught.value.hint == "ABP_CONFIG names it"


def test_each_setting_explains_itself() -> None:
    assert all(field.description for field in Settings.model_fields.values())


def test_the_database_is_in_the_data_folder_by_default(own_home: Path) -> None:
    assert load_settings().database == own_home / ".local/share/abp/abp.db"
    assert not (own_home / ".local").exists()


def test_storage_can_be_a_file_or_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def database(storage: str) -> Path:
        monkeypatch.setenv("ABP_STORAGE_PATH", storage)
        return load_settings().database

    assert database(str(tmp_path)) == tmp_path / "abp.db"
    assert database(str(tmp_path / "mine.db")) == tmp_path / "mine.db"
    assert database(f"{tmp_path}/later/") == tmp_path / "later/abp.db"
    assert database("~/mine.db") == Path(os.environ["HOME"]) / "mine.db"
    monkeypatch.chdir(tmp_path)
    assert database("mine.db") == tmp_path / "mine.db"
    assert list(tmp_path.iterdir()) == []


def test_logs_go_beside_the_database() -> None:
    assert paths.log_folder(Path("/srv/abp/abp.db")) == Path("/srv/abp/logs")


def test_the_settings_file_is_in_the_settings_folder_by_default(own_home: Path) -> None:
    assert paths.config_path() == own_home / ".config/abp/config.toml"


def test_every_setting_says_where_it_comes_from(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config.write_text('max_retries = 1\nmax_workers = 2\n\n[keys]\n"jobs.new" = "f5"\n')
    monkeypatch.setenv("ABP_MAX_WORKERS", "9")
    found = {origin.name: (origin.value, origin.source) for origin in origins({})}
    names = [name for name in Settings.model_fields if name != "notify"]
    assert list(found) == [*names, *(f"notify.{name}" for name in NotifySettings.model_fields)]
    assert found["max_workers"] == (9, "ABP_MAX_WORKERS")
    assert found["max_retries"] == (1, f"{config}, line 1")
    assert found["keys"] == ({"jobs.new": "f5"}, f"{config}, line 4")
    assert found["skip_test"] == (False, "default")
