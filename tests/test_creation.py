"""Jobs of rows: written in chunks, all or nothing, and never startable half way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from abp_tui import creation
from abp_tui.domain.status import Phase
from abp_tui.enumerators.base import Enumerator, EnumeratorConfig, Item
from abp_tui.errors import ApprovalNeeded, DuplicateKey, IllegalTransition, InvalidInput
from abp_tui.orchestrator import Orchestrator
from abp_tui.settings import Settings
from abp_tui.store.repository import Repository
from tests.factories import InProcessWorker, assert_counters_match, make_job
from tests.waiting import wait_until

ROOT = Path(__file__).parents[1]
CODE = "def enumerate_items(context):\n    yield {'n': 1}\n"


@pytest.fixture
def orchestrator(repository: Repository) -> Orchestrator:
    return Orchestrator(repository, InProcessWorker(), settings=Settings())


def from_csv(orchestrator: Orchestrator, path: Path, content: str, **config: Any) -> Any:
    path.write_text(content)
    return orchestrator.create_job("job", "Do {a}", "csv", {"file_path": str(path), **config})


def test_every_row_is_a_unit_with_its_key(
    orchestrator: Orchestrator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(creation, "CHUNK", 7)
    content = "a,b\n" + "".join(f"k{n},{n}\n" for n in range(150))
    job = from_csv(orchestrator, tmp_path / "x.csv", content, id_column="a")
    assert job.counters.total == 150 and job.ready_at is not None
    units = [orchestrator.repository.units.get(job.id, n) for n in range(150)]
    assert [unit.key for unit in units] == [f"k{n}" for n in range(150)]
    assert units[149].payload == {"a": "k149", "b": "149", "_row_index": 149, "_id": "k149"}
    assert_counters_match(orchestrator.repository, job.id)


@pytest.mark.parametrize("chunk", [2, 1000])
def test_two_rows_with_one_id_are_named_by_their_lines(
    orchestrator: Orchestrator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(creation, "CHUNK", chunk)
    content = 'a,b\nx,1\ny,"two\nlines"\nz,1\nw,1\ny,2\nx,3\n'
    with pytest.raises(InvalidInput) as caught:
        from_csv(orchestrator, tmp_path / "x.csv", content, id_column="a")
    assert caught.value.message == "line 3 and line 7 have the same key 'y'"
    assert orchestrator.list_jobs() == []


def test_a_preview_finds_them_too(orchestrator: Orchestrator, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("a\n" + "".join(f"{n % 3000}\n" for n in range(3001)))
    plan = orchestrator.plan("job", "Do {a}", "csv", {"file_path": str(path), "id_column": "a"})
    with pytest.raises(InvalidInput, match="line 2 and line 3002 have the same key '0'"):
        orchestrator.preview(plan)
    path.write_text("a\n1\n2\n")
    assert orchestrator.preview(plan).count == 2


LOOPED: dict[str, Any] = {}
LOOPED["a"] = LOOPED
DEEP: Any = None
for _ in range(100_000):
    DEEP = [DEEP]


class Given(Enumerator[EnumeratorConfig]):
    """Items as another package's source may give them, some of which no database can hold."""

    name = "given"
    title = "What it was given"
    Config = EnumeratorConfig

    def __init__(self, *items: Item) -> None:
        super().__init__(EnumeratorConfig())
        self._items = items

    def validate(self) -> None:
        pass

    def items(self) -> Iterator[Item]:
        return iter(self._items)

    def place(self, seq: int) -> str:
        return f"drawer {seq}"


def refusals(orchestrator: Orchestrator, source: Enumerator[Any] | None = None, **plan: Any) -> list[str]:
    """What a dry run and a creation say against a job."""
    said = []
    texts = orchestrator.repository.path.parent
    for attempt in (orchestrator.preview, orchestrator.create_planned):
        arguments = {"name": "job", "user_intent": "Look", **plan}
        made = orchestrator.plan(
            **arguments, enumerator_type="file", enumerator_config={"base_directory": str(texts)}
        )
        with pytest.raises(InvalidInput) as caught:
            attempt(made if source is None else replace(made, enumerator=source))
        said.append(str(caught.value))
    return said


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ({"name": ""}, "can't be the name of a job"),
        ({"name": "a/b"}, "can't be the name of a job"),
        ({"name": "j7"}, "the form of an id"),
        ({"name": "taken"}, "a job called 'taken' already"),
        ({"name": "a\udcff"}, "name"),
        ({"user_intent": "a\udcff"}, "the intent"),
        ({"prompt_template": "a\udcff"}, "the prompt"),
        ({"post_processing_prompt": "a\udcff"}, "the prompt of the last step"),
        ({"cwd": "/\udcff"}, "folder"),
        ({"cwd": "/no-such-folder"}, "there is no folder"),
        ({"user_intent": " "}, "the intent is empty"),
        ({"prompt_template": " "}, "the prompt is empty"),
        ({"prompt_template": "{nope}"}, "{nope}"),
        ({"max_workers": 0}, "max_workers is 0"),
        ({"max_retries": -1}, "max_retries is -1"),
        ({"max_failures_in_row": -1}, "max_failures_in_row is -1"),
        ({"budget_usd": float("nan")}, "the budget is nan"),
    ],
)
def test_a_dry_run_refuses_what_creation_refuses(
    orchestrator: Orchestrator, plan: dict[str, Any], words: str
) -> None:
    make_job(orchestrator.repository, 1, name="taken")
    [dry, real] = refusals(orchestrator, **plan)
    assert dry == real and words in dry
    assert [job.name for job in orchestrator.list_jobs()] == ["taken"]


@pytest.mark.parametrize(
    "worst",
    [
        Item("k", {"a": {(1, 2): 3}}),
        Item("k", {1: "x", "1": "y"}),  # type: ignore[dict-item]
        Item("k", {"a": 10**5000}),
        Item("k", LOOPED),
        Item("k", {"a": DEEP}),
        Item("k", ["a"]),  # type: ignore[arg-type]
        Item(7, {"a": 1}),  # type: ignore[arg-type]
    ],
    ids=["tuple key", "int key", "long int", "loop", "deep", "list", "int as key"],
)
def test_an_item_that_can_not_be_stored_is_named_before_anything_runs(
    orchestrator: Orchestrator, worst: Item
) -> None:
    good = [Item(f"g{n}", {"a": n}) for n in range(150)]
    [dry, real] = refusals(orchestrator, Given(*good, worst))
    assert dry == real and dry.startswith("drawer 150 can't be stored: ")
    assert orchestrator.list_jobs() == []


def test_any_mapping_is_a_payload(orchestrator: Orchestrator, tmp_path: Path) -> None:
    plan = orchestrator.plan("job", "Do {a}", "file", {"base_directory": str(tmp_path)})
    source = Given(Item("k", MappingProxyType({"a": "b"})))
    job = orchestrator.create_planned(replace(plan, enumerator=source))
    assert orchestrator.repository.units.get(job.id, 0).payload == {"a": "b"}


def test_of_two_mistakes_both_name_the_same(orchestrator: Orchestrator) -> None:
    items = [Item("twice", {"a": 1}), Item("twice", {"a": 2}), Item("k", {"a": {(1, 2): 3}})]
    [dry, real] = refusals(orchestrator, Given(*items))
    assert dry == real


def test_a_name_that_is_taken_is_said_before_the_items_are_looked_for(orchestrator: Orchestrator) -> None:
    make_job(orchestrator.repository, 1, name="job")

    class Unasked(Given):
        def items(self) -> Iterator[Item]:
            raise AssertionError("nobody may ask")

    assert all("already" in said for said in refusals(orchestrator, Unasked()))


def test_a_duplicate_far_away_in_a_json_array_is_named_by_its_position(
    orchestrator: Orchestrator, tmp_path: Path
) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps([{"n": n % 5000} for n in range(5001)]))
    with pytest.raises(InvalidInput, match="item 1 and item 5001 have the same key '0'"):
        orchestrator.create_job("job", "Do {n}", "json", {"file_path": str(path), "id_field": "n"})
    assert orchestrator.list_jobs() == []


def test_the_store_knows_which_units_have_one_key(repository: Repository) -> None:
    job = make_job(repository, 3)
    with pytest.raises(DuplicateKey) as caught:
        repository.jobs.add_units(job.id, [(3, "new", "{}"), (4, "item-1", "{}")])
    assert (caught.value.seq, caught.value.first) == (4, 1)
    with pytest.raises(DuplicateKey) as caught:
        repository.jobs.add_units(job.id, [(3, "new", "{}"), (4, "new", "{}")])
    assert (caught.value.seq, caught.value.first) == (4, 3)


def test_a_mistake_in_the_last_row_leaves_no_job(orchestrator: Orchestrator, tmp_path: Path) -> None:
    content = "a,b\n" + "1,2\n" * 3000 + "1\n"
    with pytest.raises(InvalidInput, match="line 3002 has too few fields"):
        from_csv(orchestrator, tmp_path / "x.csv", content)
    assert orchestrator.list_jobs() == []
    with orchestrator.repository.database.connected() as db:
        assert db.execute_sql("SELECT count(*) FROM unit").fetchone() == (0,)


def test_large_items_are_written_a_few_at_a_time(
    orchestrator: Orchestrator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    real = orchestrator.repository.jobs.add_units

    def add_units(job_id: int, rows: Any) -> None:
        sizes.append(len(rows))
        real(job_id, rows)

    monkeypatch.setattr(orchestrator.repository.jobs, "add_units", add_units)
    job = from_csv(orchestrator, tmp_path / "x.csv", "a\n" + ("x" * 5_000_000 + "\n") * 3)
    assert sizes == [1, 1, 1]
    assert len(orchestrator.repository.units.get(job.id, 2).payload["a"]) == 5_000_000


@pytest.mark.slow
def test_few_large_items_are_in_memory_at_a_time(repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(json.dumps([{"a": "x" * 2_000_000}] * 101))
    program = """if True:
        import os, sys
        from pathlib import Path
        from abp_tui.orchestrator import Orchestrator
        from abp_tui.settings import Settings
        from abp_tui.store.repository import Repository
        from tests.bench.machine import memory_mb
        from tests.factories import InProcessWorker
        orchestrator = Orchestrator(Repository(Path(sys.argv[1])), InProcessWorker(), settings=Settings())
        plan = orchestrator.plan("job", "Look", "json", {"file_path": sys.argv[2]}, worker="in-process")
        assert orchestrator.preview(plan).count == 101
        assert orchestrator.create_planned(plan).counters.total == 101
        print(memory_mb(os.getpid(), "VmHWM"))
    """
    command = [sys.executable, "-c", program, str(repository.path), str(tmp_path / "x.json")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 200, "MB, where the first hundred items have 200"


def test_odd_values_come_back_as_they_were(orchestrator: Orchestrator, tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"a": "\\u0000 \\ud800 é", "deep": [{"m": 1e999}]}\n')
    job = orchestrator.create_job("job", "Do {a}", "json", {"file_path": str(path)})
    payload = orchestrator.repository.units.get(job.id, 0).payload
    assert payload["a"] == "\0 \ud800 é"
    assert payload["deep"] == [{"m": "1E+999"}]


def test_the_job_keeps_no_password(
    orchestrator: Orchestrator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOLDER", str(tmp_path))
    config = {"connection_string": "sqlite:///${FOLDER}/x.db?password=hidden", "query": "SELECT 1 AS a"}
    import sqlite3

    sqlite3.connect(tmp_path / "x.db").close()
    job = orchestrator.create_job("job", "Do {a}", "sql", config)
    assert job.enumerator_config["connection_string"] == "sqlite:///${FOLDER}/x.db?password=***"
    assert b"hidden" not in orchestrator.repository.path.read_bytes()


def test_code_makes_a_job_only_once_it_was_approved(orchestrator: Orchestrator) -> None:
    plan = orchestrator.plan("job", "Do {n}", "dynamic", {"code": CODE})
    for attempt in (orchestrator.create_planned, orchestrator.preview):
        with pytest.raises(ApprovalNeeded):
            attempt(plan)
    assert orchestrator.list_jobs() == []
    wanted = orchestrator.missing_approval(plan)
    assert wanted is not None and wanted.text == CODE
    with pytest.raises(ApprovalNeeded):
        orchestrator.approve_source(plan, "0" * 64)
    assert orchestrator.missing_approval(plan) is not None
    orchestrator.approve_source(plan, wanted.sha256)
    assert orchestrator.create_planned(plan).counters.total == 1
    again = orchestrator.create_job("again", "Do {n}", "dynamic", {"code": CODE})
    assert again.enumerator_config == {"code": CODE}
    for config in ({"code": CODE + " "}, {"code": CODE, "context": {"a": 1}}):
        with pytest.raises(ApprovalNeeded):
            orchestrator.create_job("other", "Do {n}", "dynamic", config)


def test_code_that_never_ends_makes_no_job(orchestrator: Orchestrator) -> None:
    code = "def enumerate_items(context):\n    while True: yield {'n': 1}\n"
    plan = orchestrator.plan("job", "Do {n}", "dynamic", {"code": code, "max_items": 30_000})
    orchestrator.approve_source(plan, plan.enumerator.approval().sha256)
    with pytest.raises(InvalidInput, match="after 30,000 items: it gives more than max_items"):
        orchestrator.create_planned(plan)
    assert orchestrator.list_jobs() == []
    with orchestrator.repository.database.connected() as db:
        assert db.execute_sql("SELECT count(*) FROM unit").fetchone() == (0,)


def test_a_source_without_code_has_nothing_to_approve(orchestrator: Orchestrator, tmp_path: Path) -> None:
    plan = orchestrator.plan("job", "Do", "file", {"base_directory": str(tmp_path)})
    assert orchestrator.missing_approval(plan) is None
    with pytest.raises(InvalidInput, match="runs no code"):
        orchestrator.approve_source(plan, "0" * 64)


def test_a_job_that_was_killed_half_way_can_not_start_and_can_be_removed(
    orchestrator: Orchestrator, tmp_path: Path
) -> None:
    code = "import time\ndef enumerate_items(c):\n  for n in range(5000): yield {'n': n}\n  time.sleep(60)\n"
    plan = orchestrator.plan("half", "Do {n}", "dynamic", {"code": code})
    wanted = orchestrator.missing_approval(plan)
    assert wanted is not None
    orchestrator.approve_source(plan, wanted.sha256)
    program = (
        "import sys; from abp_tui.orchestrator import Orchestrator;"
        "from abp_tui.store.repository import Repository;"
        "Orchestrator(Repository(sys.argv[1])).create_job('half', 'Do {n}', 'dynamic', {'code': sys.argv[2]},"
        "worker='sample')"
    )
    command = [sys.executable, "-c", program, str(orchestrator.repository.path), code]
    maker = subprocess.Popen(command, env={**os.environ})
    try:
        wait_until(lambda: count_units(orchestrator.repository) >= 2000, 30, "some units are written")
    finally:
        maker.send_signal(signal.SIGKILL)
        maker.wait()
    assert orchestrator.status("half").phase is Phase.ENUMERATING
    for verb in (orchestrator.start_job, orchestrator.launch_test):
        with pytest.raises(IllegalTransition, match="still being enumerated"):
            verb("half")
    orchestrator.remove("half")
    assert orchestrator.list_jobs() == [] and count_units(orchestrator.repository) == 0


def count_units(repository: Repository) -> int:
    with repository.database.connected() as db:
        return int(db.execute_sql("SELECT count(*) FROM unit").fetchone()[0])
