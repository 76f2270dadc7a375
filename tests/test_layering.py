from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LINT = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", LINT], cwd=folder, capture_output=True, text=True, timeout=60
    )


def test_imports_keep_to_the_contracts() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 broken." in done.stdout


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("copy")
    shutil.copy(ROOT / "pyproject.toml", folder)
    shutil.copytree(ROOT / "abp_tui", folder / "abp_tui", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("domain/offence.py", "import abp_tui.store.repository", "Imports run one way"),
        ("store/offence.py", "import abp_tui.workers.base", "Imports run one way"),
        ("execution/offence.py", "import abp_tui.orchestrator", "Imports run one way"),
        ("cli/offence.py", "import textual.app", "Only tui imports textual"),
        ("workers/offence.py", "from playhouse import sqlite_ext", "Only store imports peewee"),
        ("cli/offence.py", "import mcp.types", "Only mcp imports the SDK of that name"),
        ("cli/offence.py", "import aiohttp.web", "Only web imports textual-serve and aiohttp"),
        ("tui/offence.py", "from subprocess import run", "Only three modules start programs"),
        ("execution/offence.py", "import distributed", "Only the dask engine imports distributed"),
    ],
)
def test_the_contracts_have_teeth(copy: Path, module: str, line: str, contract: str) -> None:
    offence = copy / "abp_tui" / module
    offence.write_text(line + "\n")
    try:
        done = lint(copy)
    finally:
        offence.unlink()
    assert done.returncode == 1, done.stderr
    [broken] = [row for row in done.stdout.splitlines() if "BROKEN" in row]
    assert broken.startswith(contract)


@pytest.mark.parametrize(
    "module", ["abp_tui.execution.executor", "abp_tui.execution.__main__", "abp_tui.cli"]
)
def test_textual_is_not_loaded_by_what_draws_nothing(module: str) -> None:
    code = f"import sys, {module}; print([name for name in sys.modules if name.split('.')[0] == 'textual'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_the_store_loads_no_postgres_driver_and_keeps_it_from_nobody() -> None:
    code = "import sys, abp_tui.store.repository; print('psycopg' in sys.modules); import psycopg"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.strip()) == (0, "False"), done.stderr


def test_settings_load_no_store_and_no_screens() -> None:
    code = "import sys, abp_tui.settings; print({'peewee', 'textual', 'click'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "set()", done.stderr


@pytest.mark.parametrize(
    "module", ["abp_tui.execution.__main__", "abp_tui.execution.engines.node", "abp_tui.cli.run"]
)
def test_dask_is_loaded_only_where_a_job_runs_on_it(module: str) -> None:
    code = f"import sys, {module}; print({{'dask', 'distributed'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "set()", done.stderr
