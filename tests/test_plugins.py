from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from abp_tui.enumerators import base
from abp_tui.enumerators.base import make_enumerator
from abp_tui.enumerators.file import FileEnumerator
from abp_tui.errors import AbpError, InvalidInput, NotFound
from abp_tui.plugins import Registry, explain, suggest
from tests.packages import install

PLUGIN = """
from typing import ClassVar

from pydantic import Field

from abp_tui.enumerators.base import Enumerator, EnumeratorConfig, Item


class Config(EnumeratorConfig):
    upto: int = Field(ge=1)


class Numbers(Enumerator[Config]):
    name = "numbers"
    title = "Numbers"
    Config: ClassVar[type[EnumeratorConfig]] = Config
    fields = ("n",)

    def validate(self):
        pass

    def items(self):
        return (Item(str(n), {"n": n}) for n in range(self.config.upto))
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Another package as an installer leaves it: a module, and a dist-info folder with entry points."""
    site = tmp_path / "site"
    info = site / "abp_numbers-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: abp-numbers\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[abp_tui.enumerators]\n"
        "numbers = abp_numbers:Numbers\n"
        "broken = abp_numbers_missing:Numbers\n"
        "file = abp_numbers:Numbers\n"
    )
    (site / "abp_numbers.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.delitem(sys.modules, "abp_numbers", raising=False)
    return site


def test_another_package_adds_an_enumerator(plugin: Path) -> None:
    assert base.registry.names()[-2:] == ["broken", "numbers"]
    items = list(make_enumerator("numbers", {"upto": 2}).items())
    assert [item.payload for item in items] == [{"n": 0}, {"n": 1}]


def test_its_settings_are_checked_like_ours(plugin: Path) -> None:
    with pytest.raises(InvalidInput, match="numbers source: upto: ") as caught:
        make_enumerator("numbers", {"upto": 0})
    assert caught.value.hint == "its settings: upto"


def test_it_can_not_replace_one_of_ours(plugin: Path) -> None:
    assert base.registry.get("file") is FileEnumerator
    assert base.registry.names().count("file") == 1


def test_one_that_can_not_be_imported_is_an_error_that_names_it_and_hides_no_other(plugin: Path) -> None:
    with pytest.raises(AbpError, match="the enumerator 'broken' can't be loaded") as caught:
        base.registry.get("broken")
    assert caught.value.hint == "mend or remove abp_numbers_missing:Numbers"
    assert base.registry.get("numbers").name == "numbers"


def test_an_unknown_name_is_an_error_with_the_nearest_one(plugin: Path) -> None:
    with pytest.raises(NotFound, match="there is no enumerator called 'number'") as caught:
        base.registry.get("number")
    assert caught.value.hint == "did you mean 'numbers'?"


def test_ours_are_imported_only_when_asked_for() -> None:
    code = (
        "import sys; from abp_tui.enumerators.base import registry; registry.names();"
        "before = 'abp_tui.enumerators.file' in sys.modules; registry.get('file');"
        "print(before, 'abp_tui.enumerators.file' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


def test_a_registry_without_anything_says_so() -> None:
    registry: Registry[type] = Registry("gadget", "abp_tui.no_such_group", {})
    assert registry.names() == []
    with pytest.raises(NotFound) as caught:
        registry.get("x")
    assert caught.value.hint == "none are known"


def test_suggestions() -> None:
    assert suggest("claud", ["claude", "command"]) == "did you mean 'claude'?"
    assert suggest("zzz", ["claude", "command"]) == "known are claude, command"


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    size: int = Field(default=1, ge=1)


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    inner: Inner = Inner()


def test_a_validation_error_becomes_one_line() -> None:
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate({"inner": {"size": 0}, "iner": 1})
    assert explain(caught.value) == (
        "inner.size: it must be greater than or equal to 1; iner: there is no such setting"
    )


PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "abp-numbers"
version = "1.0"

[project.entry-points."abp_tui.enumerators"]
numbers = "abp_numbers:Numbers"
"""


@pytest.mark.slow
def test_a_package_that_was_really_installed_adds_a_source(tmp_path: Path) -> None:
    project, site = tmp_path / "project", tmp_path / "site"
    project.mkdir()
    (project / "pyproject.toml").write_text(PROJECT)
    (project / "abp_numbers.py").write_text(PLUGIN)
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-index", "--no-build-isolation", "--no-deps"]
    installed = subprocess.run(
        [*pip, "--target", str(site), str(project)], capture_output=True, text=True, timeout=100
    )
    assert installed.returncode == 0, installed.stderr
    env = {**os.environ, "PYTHONPATH": str(site), "ABP_STORAGE_PATH": str(tmp_path / "abp.db")}
    abp = [sys.executable, "-m", "abp_tui"]

    def run(*arguments: str) -> str:
        done = subprocess.run([*abp, *arguments], env=env, capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "numbers  Numbers" in run("sources")
    run(
        "new", "job", "--intent", "Look at {n}", "--source", "numbers", "--config", '{"upto": 3}', "--", "cat"
    )
    assert [unit["payload"] for unit in json.loads(run("units", "job", "--json"))] == [
        {"n": n} for n in range(3)
    ]


@pytest.mark.slow
def test_a_package_that_was_really_installed_adds_a_worker(tmp_path: Path) -> None:
    site = install("abp_shout", tmp_path / "shout")
    env = {**os.environ, "PYTHONPATH": str(site), "ABP_STORAGE_PATH": str(tmp_path / "abp.db")}
    (tmp_path / "words.csv").write_text("word\nhello\nwhisper\n")

    def abp(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "abp_tui", *arguments]
        return subprocess.run(command, env=env, capture_output=True, text=True, cwd=tmp_path, timeout=100)

    new = ("new", "job", "--intent", "x", "--prompt", "{word}", "--csv", "words.csv", "--worker", "shout")
    wrong = abp(*new, "--worker-option", "marks=-1")
    assert (wrong.returncode, "worker shout: marks" in wrong.stderr) == (2, True)
    assert abp(*new, "--worker-option", "marks=3").returncode == 0
    assert abp("start", "job", "--skip-test", "--wait").returncode == 1, "a unit of it fails"
    units = json.loads(abp("units", "job", "--json").stdout)
    assert [(unit["output"], unit["error"]) for unit in units] == [
        ("HELLO!!!", None),
        (None, "I can't whisper"),
    ]
