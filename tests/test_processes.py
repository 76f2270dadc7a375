from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abp_tui import processes
from abp_tui.processes import end_all, environment_of, family, marked_processes, value_in

NAME = st.text(alphabet="AB_", min_size=1, max_size=3)
VALUE = st.text(alphabet="AB_=x", max_size=4)


@pytest.fixture(params=["by /proc", "by psutil"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "by psutil":
        monkeypatch.setattr(processes, "_HAS_PROC", False)


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    environment = {**os.environ, "MARKED": "by a test", "UNMARKED": "MARKED=as well"}
    code = "print(1, flush=True); import time; time.sleep(60)"
    process = subprocess.Popen(
        [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, start_new_session=True
    )
    assert process.stdout is not None and process.stdout.readline()
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


@given(st.dictionaries(NAME, VALUE, max_size=6), NAME)
def test_the_value_of_a_variable_is_found_where_it_is(variables: dict[str, str], name: str) -> None:
    environment = b"".join(f"{key}={value}\0".encode() for key, value in variables.items())
    assert value_in(environment, f"{name}=".encode()) == variables.get(name)


def test_marked_processes_are_found_with_their_values(sleeper: subprocess.Popen[bytes]) -> None:
    assert dict(marked_processes("MARKED")) == {sleeper.pid: "by a test"}
    assert family("MARKED", "by a test".__eq__) == {sleeper.pid}
    assert family("MARKED", "by a".__eq__) == set()


def test_a_leader_is_enough_and_our_own_session_is_never_meant(sleeper: subprocess.Popen[bytes]) -> None:
    nothing = "nothing".__eq__
    assert family("MARKED", nothing, [sleeper.pid]) == {sleeper.pid}
    assert family("MARKED", nothing, [os.getsid(0)]) == set()


def test_what_is_found_is_ended(sleeper: subprocess.Popen[bytes]) -> None:
    assert end_all(lambda: family("MARKED", "by a test".__eq__)) == ({sleeper.pid}, set())
    assert sleeper.wait(10) == -signal.SIGKILL


def test_what_does_not_end_is_told_in_time() -> None:
    assert end_all(lambda: [2**22 + 1], wait_s=0.05) == ({2**22 + 1}, {2**22 + 1})


def test_the_environment_of_what_is_gone_or_not_ours_is_empty() -> None:
    assert environment_of(2**22 + 1) == b""


def test_who_is_just_starting_a_program_is_found() -> None:
    if not processes._HAS_PROC:
        return  # psutil reads once, and there is no other way
    script = 'exec sh -c "$0" "$0"'
    restless = subprocess.Popen(
        ["sh", "-c", script, script], env={**os.environ, "MARKED": "restless"}, start_new_session=True
    )
    try:
        found = [value_in(environment_of(restless.pid), b"MARKED=") for _ in range(3000)]
        assert set(found) == {"restless"}
    finally:
        restless.kill()
        restless.wait()
