"""Whole processes of `abp ls` and `abp show` with the job of a million units in the store.

Beside them a Python that does nothing but import the third-party modules that the verb was seen to load.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.bench.result import Goal, Result, compared
from tests.bench.setting import PATIENCE_S, Setting, alternate, environment

TIMES = 7
NO_DRIVER = "import sys; sys.modules['psycopg'] = None"  # Peewee would load it, and for the verb it does not
LOADED = "import sys; print(*sys.modules, file=sys.stderr)"
RUN_VERB = "from abp_tui.cli import _run; _run()"


def ls(setting: Setting) -> Iterator[Result]:
    """List the jobs."""
    yield _compare(setting, "ls")


def show(setting: Setting) -> Iterator[Result]:
    """Show the job."""
    yield _compare(setting, "show", f"j{setting.million().id}")


def _compare(setting: Setting, *verb: str) -> Result:
    store = str(setting.million().repository.path)
    program = [str(Path(sys.executable).with_name("abp")), *verb]
    modules = _third_party(store, verb)
    bare = [sys.executable, "-c", f"{NO_DRIVER}; import {', '.join(modules)}"]
    pairs = alternate(lambda: _wall_ms(program, store), lambda: _wall_ms(bare, store), TIMES)
    packages = ", ".join(dict.fromkeys(name.partition(".")[0] for name in modules))
    note = f"Verbs: whole processes; their imports are {len(modules)} modules of {packages}."
    return compared(f"abp {verb[0]}", pairs, "{:.0f} ms", "its imports", Goal("<=", 1.5), note)


def _third_party(store: str, verb: Sequence[str]) -> list[str]:
    """The modules that the verb loads and that are neither ours nor the interpreter's."""
    plain = set(_loaded([sys.executable, "-c", LOADED], store))
    loaded = _loaded([sys.executable, "-P", "-c", f"{RUN_VERB}; {LOADED}", *verb], store)
    ours = plain | sys.stdlib_module_names | {"abp_tui"}
    return [name for name in loaded if name[0] != "_" and not ours & {name, name.partition(".")[0]}]


def _loaded(command: Sequence[str], store: str) -> list[str]:
    return _run(command, store).stderr.decode().splitlines()[-1].split()


def _wall_ms(command: Sequence[str], store: str) -> float:
    began = time.perf_counter()
    _run(command, store)
    return (time.perf_counter() - began) * 1000


def _run(command: Sequence[str], store: str) -> subprocess.CompletedProcess[bytes]:
    env = environment(ABP_STORAGE_PATH=store)
    return subprocess.run(command, env=env, capture_output=True, check=True, timeout=PATIENCE_S)
