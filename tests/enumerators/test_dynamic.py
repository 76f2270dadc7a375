"""Real code in real processes."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import psutil
import pytest

from abp_tui.enumerators.base import Item, make_enumerator
from abp_tui.enumerators.dynamic import MARK, DynamicEnumerator
from abp_tui.errors import ApprovalNeeded, InvalidInput
from tests.waiting import wait_until


def source(code: str, **config: Any) -> DynamicEnumerator:
    made = make_enumerator("dynamic", {"code": dedent(code), **config})
    assert isinstance(made, DynamicEnumerator)
    return made


def approved(code: str, **config: Any) -> DynamicEnumerator:
    made = source(code, **config)
    made.approve(made.approval().sha256)
    return made


def body(code: str, **config: Any) -> DynamicEnumerator:
    """The code as the body of the function."""
    lines = "\n".join(f"    {line}" for line in dedent(code).strip().split("\n"))
    return approved(f"import os, sys, time, subprocess\ndef enumerate_items(context):\n{lines}\n", **config)


def refused(made: DynamicEnumerator) -> str:
    with pytest.raises(InvalidInput) as caught:
        made.validate()
        list(made.items())
    assert caught.value.hint
    return str(caught.value)


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    yield
    wait_until(lambda: not marked(), 5, "every process is gone")


def marked() -> list[int]:
    """The living processes of any run of this test's own."""
    found = []
    for process in psutil.process_iter():
        try:
            mine = process.environ().get("HOME") == os.environ["HOME"] and MARK in process.environ()
            if mine and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except (psutil.Error, OSError):
            continue
    return found


@pytest.mark.parametrize("ending", ["yield {'n': 1}; yield {'n': 2}", "return [{'n': 1}, {'n': 2}]"])
def test_what_the_function_yields_or_returns(ending: str) -> None:
    assert list(body(ending).items()) == [Item("0", {"n": 1}), Item("1", {"n": 2})]


def test_imports_helpers_and_the_context() -> None:
    made = approved(
        """
        import csv, json
        from dataclasses import dataclass

        @dataclass
        class Thing:
            n: int

        def helper(n):
            return {"_id": f"x{n}", "n": Thing(n).n, "sniffer": str(csv.Sniffer)}

        def enumerate_items(context):
            return (helper(n) for n in range(context["count"]))
        """,
        context={"count": 3},
        limit=2,
    )
    assert [(item.key, item.payload["n"]) for item in made.items()] == [("x0", 0), ("x1", 1)]


def test_nothing_runs_before_it_was_approved(tmp_path: Path) -> None:
    sign = tmp_path / "ran"
    made = source(f"open({str(sign)!r}, 'w')\ndef enumerate_items(context): return []")
    made.validate()
    with pytest.raises(ApprovalNeeded) as caught:
        list(made.items())
    assert made.approval().sha256 in caught.value.hint
    with pytest.raises(ApprovalNeeded):
        made.approve("0" * 64)
    with pytest.raises(ApprovalNeeded):
        made.sample(1)
    assert not sign.exists()
    made.approve(made.approval().sha256)
    assert list(made.items()) == [] and sign.exists()


def test_the_hash_is_of_every_byte_of_code_and_context() -> None:
    code = "x = 1\r\n"
    assert source(code).approval().sha256 == hashlib.sha256(code.encode()).hexdigest()
    variants = [
        source(code),
        source("x = 1\n"),
        source(code, context={"a": 1}),
        source(code, context={"a": 2}),
    ]
    assert len({made.approval().sha256 for made in variants}) == 4
    one, two = source(code, context={"a": 1, "b": 2}), source(code, context={"b": 2, "a": 1}, limit=3)
    assert one.approval().sha256 == two.approval().sha256
    assert "approv" not in str(one.record()) and "sha" not in str(one.record())


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("yield {1: 2}", "item 1 can't be stored: the key 1 is of type int, keys are texts"),
        ("yield {'a': {'b': [{2: 3}]}}", "the key 2 is of type int"),
        ("yield {}; yield 5", "after 1 item: item 2 is a value of type int, not a dictionary: 5"),
        ("yield {'a': {1}}", "can't be stored: a value of type set has no form in JSON"),
        ("yield {'a': float('nan')}", "not JSON compliant"),
        ("x = {}; x['x'] = x; yield x", "item 1 can't be stored"),
        ("return None", "gave None; it is to return or yield dictionaries"),
        ("return {'a': 1}", "gave a value of type dict; it is to"),
        ("yield {}\n1 / 0", "after 1 item: line 4: ZeroDivisionError: division by zero"),
        ("sys.exit(4)", "SystemExit: 4"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("print('bye', flush=True); os._exit(3)", "with exit code 3 (it printed last: bye)"),
        ("os.kill(os.getpid(), 11)", "with signal SIGSEGV"),
        ("os.close(2); os.closerange(3, 99); time.sleep(99)", "it ended its process"),
        ("x = bytearray(3 << 30); yield {}", "MemoryError"),
        ("yield {'a': 'x' * 70_000_000}", "item 1 is over 64 MB"),
        ("yield None", "item 1 is None, not a dictionary"),
        ("yield {'_id': []}", "item 1: its _id is []"),
    ],
)  # fmt: skip
def test_code_that_goes_wrong_is_an_error_that_says_where(code: str, words: str) -> None:
    assert words in refused(body(code))


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("def f(:", "no Python, line 1"),
        ("x = 1\n\n  y = 2", "no Python, line 3"),
        ("x = '\0'", "no Python"),
        ("(" * 5000, "no Python"),
        ("x = 1", "defines no function enumerate_items(context)"),
        ("import no_such_module", "line 1: ModuleNotFoundError"),
    ],
)
def test_code_that_is_none(code: str, words: str) -> None:
    assert words in refused(approved(code))


def test_what_it_prints_is_no_item() -> None:
    made = body(
        """
        print('{"item": {"n": 5}}', flush=True)
        sys.stderr.write('{"end": 0}\\n')
        for fd in (1, 2): os.write(fd, b'{"error": "no"}\\n')
        subprocess.run(["echo", '{"item": {}}'])
        yield {"n": 1, "in": sys.stdin.read()}
        """
    )
    assert list(made.items()) == [Item("0", {"n": 1, "in": ""})]


def test_a_gigabyte_of_output_goes_nowhere() -> None:
    made = body("for _ in range(64): os.write(1, b'x' * (1 << 24))\nyield {'n': 1}")
    assert len(list(made.items())) == 1


def test_an_endless_loop_ends_only_itself() -> None:
    silent = refused(body("yield {}\nwhile True: pass", idle_s=0.5))
    assert "it gave nothing for 0.5 s" in silent and "idle_s" in silent
    endless = refused(body("while True: yield {}", timeout_s=0.5))
    assert "it was not done after 0.5 s" in endless and "timeout_s" in endless


def test_more_items_than_there_may_be_are_an_error() -> None:
    endless = body("while True: yield {'n': 1}", max_items=1000)
    assert "after 1,000 items: it gives more than max_items" in refused(endless)
    assert "raise max_items" in refused(endless)
    assert len(list(body("for n in range(1000): yield {}", max_items=1000).items())) == 1000
    assert len(list(body("while True: yield {}", max_items=1000, limit=1000).items())) == 1000


@pytest.mark.parametrize(
    "config", [{"timeout_s": 0}, {"idle_s": -1}, {"max_items": 0}, {"timeout_s": float("inf")}]
)
def test_limits_that_make_no_sense(config: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=next(iter(config))):
        source("x = 1", **config)


def test_limits_are_not_part_of_what_is_approved() -> None:
    one, two = source("x = 1"), source("x = 1", timeout_s=7, idle_s=7, max_items=7)
    assert one.approval().sha256 == two.approval().sha256


def test_a_copy_that_it_forks_gives_no_items() -> None:
    made = body("os.fork(); os.fork()\nfor n in range(20_000): yield {'n': n}")
    assert [item.payload["n"] for item in made.items()] == list(range(20_000))
    made = body("if os.fork() == 0: time.sleep(99)\nyield {'n': 1}")
    assert len(list(made.items())) == 1


def test_what_it_starts_ends_with_it_even_in_a_session_of_its_own() -> None:
    made = body(
        """
        subprocess.Popen(["sleep", "98"], start_new_session=True)
        subprocess.Popen(["sleep", "97"])
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0: time.sleep(96)
            os._exit(0)
        yield {}
        """
    )
    assert len(list(made.items())) == 1
    assert marked() == []


def test_whoever_takes_no_more_items_ends_it() -> None:
    items = body("while True: yield {'a': 1}").items()
    next(items)
    assert marked()
    items.close()
    assert not marked()


def test_an_enumeration_can_be_abandoned_from_another_thread() -> None:
    made = body("time.sleep(99)")
    timer = threading.Timer(0.3, made.abandon)
    timer.start()
    assert "nobody wants its items" in refused(made)
    timer.join()


def test_it_ends_when_this_program_is_killed() -> None:
    program = """
        from abp_tui.enumerators.base import make_enumerator
        code = "def enumerate_items(c):\\n  yield {}\\n  while True: pass"
        made = make_enumerator("dynamic", {"code": code, "idle_s": 99})
        made.approve(made.approval().sha256)
        list(made.items())
    """
    parent = subprocess.Popen([sys.executable, "-c", dedent(program)])
    try:
        wait_until(marked, 10, "the code runs")
    finally:
        parent.kill()
        parent.wait()
    wait_until(lambda: not marked(), 10, "the code has ended")


def test_its_limits() -> None:
    code = """
        import resource
        kinds = (resource.RLIMIT_AS, resource.RLIMIT_CORE, resource.RLIMIT_NPROC)
        yield {"limits": [resource.getrlimit(kind)[0] for kind in kinds], "leads": os.getsid(0)}
    """
    [item] = body(code).items()
    memory, core, processes = item.payload["limits"]
    assert (memory, core) == (2 << 30, 0)
    assert 0 < processes < 1_000_000
    assert item.payload["leads"] != os.getsid(0)


def test_many_items_come_as_a_stream() -> None:
    made = body("for n in range(50_000): yield {'n': n, 'text': 'é\\0' * 20, 'half': '\\ud800'}")
    count = sum(item.payload["text"] == "é\0" * 20 for item in made.items())
    assert count == 50_000


@pytest.mark.parametrize("written", [b"{}\n", b"oops\n", b"[]\n", b'{"end": 2}\n'])
def test_code_that_writes_where_its_items_go_loses_none_of_them_in_silence(written: bytes) -> None:
    said = refused(
        body(f"""
        for n in range(6):
            yield {{"n": n}}
        time.sleep(0.3)
        for number in range(3, 256):
            try:
                os.write(number, {written!r})
            except OSError:
                pass
        for n in range(6, 1000):
            yield {{"n": n}}
        """)
    )
    assert "the code failed" in said
