"""The preview of the form: what it runs only when asked, what it never runs again, how it is ended."""

from __future__ import annotations

import socket
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Select, TextArea

from abp_tui.enumerators.base import registry
from abp_tui.tui.screens.approve_code import ApproveCodeScreen
from abp_tui.tui.screens.jobs import JobsScreen
from abp_tui.tui.screens.new_job import NewJobScreen
from abp_tui.tui.screens.new_job_preview import NewJobPreview
from tests.factories import make_job
from tests.tui.counted import AskedForEnumerator, CountedEnumerator
from tests.tui.screens import SMALL, app_of, running, shown, until, until_shown
from tests.tui.test_new_job import BOTH, choose, fill, real

pytestmark = pytest.mark.slow

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) AS c FROM n"


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[CountedEnumerator]]:
    for kind in (CountedEnumerator, AskedForEnumerator):
        monkeypatch.setitem(registry._builtin, kind.name, f"tests.tui.counted:{kind.__name__}")
        monkeypatch.setattr(kind, "asked", 0)
        monkeypatch.setattr(kind, "gate", threading.Event())
    yield CountedEnumerator
    for kind in (CountedEnumerator, AskedForEnumerator):
        kind.gate.set()


def edit(pilot: Pilot[Any], **fields: str) -> None:
    for name, text in fields.items():
        field = pilot.app.screen.query_one(f"#{name}")
        if isinstance(field, TextArea):
            field.text = text
        elif isinstance(field, Input | Select):
            field.value = text


async def until_idle(pilot: Pilot[Any]) -> None:
    """Wait until no thread looks at items any more."""
    preview = pilot.app.screen.query_one("#preview")
    looks = [worker for worker in pilot.app.workers if worker.group == "look" and worker.node is preview]
    await until(pilot, lambda: all(worker.is_finished for worker in looks))


async def test_an_edit_beside_the_source_asks_no_source_again(
    tmp_path: Path, counted: type[CountedEnumerator]
) -> None:
    counted.gate.set()
    orchestrator = real(tmp_path)
    make_job(orchestrator.repository, 1, name="taken")
    async with running(orchestrator) as pilot:
        await fill(pilot, tmp_path, worker="sample", intent="Say {text}", settings="none")
        await choose(pilot, "counted", text="word")
        await until_shown(pilot, "2 items", "with {text}", "first  text: word", "Say word")
        asked = counted.asked
        edit(pilot, intent="Sing {text}")
        await until_shown(pilot, "Sing word")
        edit(pilot, intent="Sing {txt}")
        await until_shown(pilot, "the prompt names {txt}", "2 items")
        edit(pilot, intent="Hum {text}", name="taken")
        await until_shown(pilot, "there is a job called 'taken' already", "2 items", "Hum word")
        edit(pilot, name="new", workers="0")
        await until_shown(pilot, "max_workers is 0", "2 items")
        edit(pilot, workers="1", worker="command")
        await until_shown(pilot, "the command is empty", "2 items")
        edit(pilot, command="wc {text}")
        await until_shown(pilot, "2 items", "Hum word")
        assert counted.asked == asked
        await choose(pilot, "counted", text="tune")
        await until_shown(pilot, "Hum tune")
        assert counted.asked == asked + 1


async def test_a_query_runs_only_when_it_is_asked_for(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "m.db").execute("CREATE TABLE m AS SELECT 'tea' AS text").connection.close()
    async with running(real(tmp_path)) as pilot:
        await fill(pilot, tmp_path, worker="sample", intent="Buy {text}", settings="none")
        await choose(pilot, "sql", connection_string=f"sqlite:///{tmp_path}/m.db", query="")
        await until_shown(pilot, "the sql source still needs its query")
        await pilot.press("ctrl+r")
        await until_shown(pilot, "the sql source still needs its query")
        await choose(pilot, "sql", query="SELECT * FROM m")
        await until_shown(pilot, "press ctrl+r to run the query")
        assert "1 item" not in shown(pilot)
        await pilot.press("ctrl+r")
        await until_shown(pilot, "1 item", "Buy tea")
        await choose(pilot, "sql", query="SELECT * FROM n")
        await until_shown(pilot, "press ctrl+r to run the query")
        await choose(pilot, "sql", query="SELECT * FROM m")
        await until_shown(pilot, "1 item", "Buy tea")
        await choose(pilot, "sql", query="SELECT * FROM n")
        await until_shown(pilot, "press ctrl+r to run the query")
        await pilot.press("ctrl+r")
        await until_shown(pilot, "no such table: n")


async def test_a_half_typed_password_logs_in_nowhere(tmp_path: Path) -> None:
    came = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def refuse() -> None:
            connection, _ = server.accept()
            came.set()
            connection.close()

        thread = threading.Thread(target=refuse, daemon=True)
        thread.start()
        async with running(real(tmp_path)) as pilot:
            await fill(pilot, tmp_path, worker="sample", intent="Buy {text}", settings="none")
            await choose(pilot, "sql", query="SELECT 1 AS text")
            for typed in ("s", "se", "secret"):
                url = f"postgresql://me:{typed}@127.0.0.1:{server.getsockname()[1]}/shop?sslmode=disable"
                await choose(pilot, "sql", connection_string=url)
                await until_shown(pilot, "press ctrl+r to run the query")
            edit(pilot, name="other")
            await pilot.press("ctrl+r")
            await until(pilot, came.is_set)
            await until_shown(pilot, "127.0.0.1")
        thread.join(20)


@BOTH
async def test_a_query_that_never_ends_is_ended_by_escape(tmp_path: Path, size: tuple[int, int]) -> None:
    sqlite3.connect(tmp_path / "m.db").close()
    async with running(real(tmp_path), size) as pilot:
        await fill(pilot, tmp_path, worker="sample", intent="Buy {c}", settings="none")
        await choose(pilot, "sql", connection_string=f"sqlite:///{tmp_path}/m.db", query=ENDLESS)
        await until_shown(pilot, "press ctrl+r to run the query", "esc Back")
        await pilot.press("ctrl+r")
        await until_shown(pilot, "the query runs: 0 items so far", "esc ends that", "esc Stop preview")
        edit(pilot, name="other")
        await pilot.press("escape")
        await until_shown(pilot, "ended after 0 items", "ctrl+r starts again", "esc Back")
        await until_idle(pilot)
        assert isinstance(pilot.app.screen, NewJobScreen)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, JobsScreen))


async def test_code_runs_once_for_each_time_it_is_asked_for_and_ends_with_escape(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    code = (
        f"import os, time\nopen({str(ran)!r}, 'a').write(f'{{os.getpid()}} ')\n"
        "def enumerate_items(context):\n    yield {'n': 1}\n    time.sleep(600)\n"
    )
    async with running(real(tmp_path)) as pilot:
        await fill(pilot, tmp_path, worker="sample", intent="Do {n}", settings="none")
        await choose(pilot, "dynamic", code=code)
        await until_shown(pilot, "press ctrl+r to read the code and run it")
        await pilot.press("ctrl+r")
        await until(pilot, lambda: isinstance(pilot.app.screen, ApproveCodeScreen))
        await pilot.press("y")
        await until_shown(pilot, "the code runs: 1 item so far")
        edit(pilot, intent="Do it to {n}", name="x")
        await pilot.press("escape")
        await until_shown(pilot, "ended after 1 item")
        await until_idle(pilot)
        [pid] = ran.read_text().split()
        assert not psutil.pid_exists(int(pid))
        await pilot.press("ctrl+r")
        await until_shown(pilot, "the code runs: 1 item so far")
        await pilot.press("escape")
        await until_idle(pilot)
        assert len(ran.read_text().split()) == 2


async def test_code_that_is_no_python_is_not_worth_reading(tmp_path: Path) -> None:
    async with running(real(tmp_path), SMALL) as pilot:
        await fill(pilot, tmp_path, worker="sample", intent="Do {n}", settings="none")
        await choose(pilot, "dynamic", code="def f(:")
        await until_shown(pilot, "press ctrl+r")
        await pilot.press("ctrl+r")
        await until_shown(pilot, "the code is no Python, line 1")


@pytest.mark.parametrize("source", ["counted", "asked-for"])
async def test_a_look_that_runs_again_outlives_edits_beside_the_source(
    tmp_path: Path, counted: type[CountedEnumerator], source: str
) -> None:
    counted.gate.set()
    AskedForEnumerator.gate.set()
    async with running(real(tmp_path)) as pilot:
        await fill(pilot, tmp_path, worker="sample", intent="Say {text}", settings="none")
        await choose(pilot, source, text="word")
        await pilot.press("ctrl+r")
        await until_shown(pilot, "2 items", "Say word")
        kind = registry.get(source)
        assert issubclass(kind, CountedEnumerator)
        kind.gate.clear()
        await pilot.press("ctrl+r")
        await until_shown(pilot, "looking: 1 item so far")
        asked = kind.asked
        edit(pilot, intent="Sing {text}")
        await until_shown(pilot, "Stop preview")
        kind.gate.set()
        await until_shown(pilot, "2 items", "Sing word")
        assert kind.asked == asked


async def test_the_making_of_a_job_is_seen_and_can_be_ended(
    tmp_path: Path, counted: type[CountedEnumerator]
) -> None:
    orchestrator = real(tmp_path)
    async with running(orchestrator) as pilot:
        await fill(pilot, tmp_path, worker="sample", intent="Say {text}", settings="none", name="one")
        await choose(pilot, "asked-for", text="word")
        await until_shown(pilot, "press ctrl+r")
        await pilot.press("ctrl+s")
        await until_shown(pilot, "making the job: 1 item so far", "esc Stop")
        edit(pilot, intent="Sing {text}")
        await choose(pilot, "asked-for", text="tune")
        await pilot.press("ctrl+r", "ctrl+s")
        await until_shown(pilot, "the last command is still at work")
        await pilot.press("escape")
        await until_shown(pilot, "ending")
        AskedForEnumerator.gate.set()
        await until_shown(pilot, "ended after 1 item: no job was made", "press ctrl+r", "esc Back")
        assert orchestrator.list_jobs() == [] and AskedForEnumerator.asked == 1
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(pilot.app.screen, JobsScreen))
    assert orchestrator.status("one").total_units == 2


async def test_a_query_that_was_made_to_end_is_no_mistake_of_the_query(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "m.db").close()
    orchestrator = real(tmp_path)
    async with running(orchestrator) as pilot:
        await fill(pilot, tmp_path, worker="sample", intent="Buy {c}", settings="none")
        await choose(pilot, "sql", connection_string=f"sqlite:///{tmp_path}/m.db", query=ENDLESS)
        await pilot.press("ctrl+s")
        await until_shown(pilot, "making the job: 0 items so far")
        await pilot.press("escape")
        await until_shown(pilot, "ended after 0 items: no job was made")
        assert "interrupted" not in shown(pilot)
    assert orchestrator.list_jobs() == []


async def test_a_form_that_is_left_makes_no_job(tmp_path: Path, counted: type[CountedEnumerator]) -> None:
    orchestrator = real(tmp_path)
    async with running(orchestrator) as pilot:
        await fill(pilot, tmp_path, worker="sample", intent="Say {text}", settings="none", name="one")
        await choose(pilot, "asked-for", text="word")
        await pilot.press("ctrl+s")
        await until_shown(pilot, "making the job: 1 item so far")
        look = pilot.app.screen.query_one(NewJobPreview)._look
        assert look is not None
        [making] = [worker for worker in pilot.app.workers if worker.group == "act"]
        pilot.app.pop_screen()
        await until(pilot, lambda: look._unwanted)
        AskedForEnumerator.gate.set()
        await until(pilot, look._over.is_set)
        await until(pilot, lambda: making.is_finished)
        assert isinstance(pilot.app.screen, JobsScreen)
    assert orchestrator.list_jobs() == []


async def test_what_nobody_foresaw_is_said_where_the_items_would_be(
    tmp_path: Path, counted: type[CountedEnumerator]
) -> None:
    counted.gate.set()
    async with running(real(tmp_path)) as pilot:
        await fill(pilot, tmp_path, worker="sample", intent="Say {text}", settings="none")
        await choose(pilot, "counted", fails="cellar")
        await until_shown(pilot, "the source failed: KeyError: 'cellar'", "esc Back")


async def test_leaving_the_form_ends_the_look(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "m.db").close()
    async with running(real(tmp_path)) as pilot:
        await fill(pilot, tmp_path, worker="sample", intent="Buy {c}", settings="none")
        await choose(pilot, "sql", connection_string=f"sqlite:///{tmp_path}/m.db", query=ENDLESS)
        await until_shown(pilot, "press ctrl+r to run the query")
        await pilot.press("ctrl+r")
        await until_shown(pilot, "the query runs")
        look = pilot.app.screen.query_one(NewJobPreview)._look
        assert look is not None
        pilot.app.pop_screen()
        await until(pilot, look._over.is_set)


async def test_the_keys_it_names_are_those_a_person_has_set(tmp_path: Path) -> None:
    app = app_of(real(tmp_path), keys={"new.preview": "f6", "new.stop": "f7"})
    sqlite3.connect(tmp_path / "m.db").close()
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, lambda: app.snapshot is not None)
        await fill(pilot, tmp_path, worker="sample", intent="Buy {c}", settings="none")
        await choose(pilot, "sql", connection_string=f"sqlite:///{tmp_path}/m.db", query=ENDLESS)
        await until_shown(pilot, "press f6 to run the query")
        await pilot.press("f6")
        await until_shown(pilot, "f7 ends that")
        await pilot.press("f7")
        await until_shown(pilot, "ended after 0 items")
        await until_idle(pilot)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, JobsScreen))
