"""Results as JSON lines: whole files or none, in order, whatever the units hold."""

from __future__ import annotations

import io
import json
import os
import threading
from pathlib import Path

import pytest

from abp_tui.domain.status import JobStatus
from abp_tui.errors import InvalidInput
from abp_tui.execution.executor import JobExecutor
from abp_tui.export import export, export_jsonl
from abp_tui.export.table import Wanted
from abp_tui.views import UnitView
from tests.factories import InProcessWorker, make_job, make_repository


def lines_of(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_line_per_unit_in_order_with_the_fields_of_a_unit(tmp_path: Path) -> None:
    repository = make_repository(tmp_path)
    job = make_job(repository, 450, status=JobStatus.RUNNING)
    JobExecutor(repository, job.id, InProcessWorker()).run()
    assert export_jsonl(repository, job.id, tmp_path / "out.jsonl") == 450
    units = lines_of(tmp_path / "out.jsonl")
    assert [unit["seq"] for unit in units] == list(range(450))
    assert [unit["output"] for unit in units] == [f"Do {n}" for n in range(450)]
    assert all(unit.keys() == UnitView.model_fields.keys() for unit in units)


def test_only_the_units_in_a_state(tmp_path: Path) -> None:
    repository = make_repository(tmp_path)
    job = make_job(repository, 3)
    out = io.BytesIO()
    assert export(repository, job.id, out, "jsonl", Wanted(state="completed")) == 0
    assert export(repository, job.id, out, "jsonl", Wanted(state="pending")) == 3
    assert len(out.getvalue().splitlines()) == 3


def test_fields_without_the_verdict_leave_out_what_is_in_doubt(tmp_path: Path) -> None:
    repository = make_repository(tmp_path)
    checks = [{"kind": "regex", "pattern": "[02]"}]
    job = make_job(repository, 3, status=JobStatus.RUNNING, checks=checks)
    JobExecutor(repository, job.id, InProcessWorker()).run()

    def written(*fields: str, state: str | None = None) -> list[dict[str, object]]:
        export(
            repository, job.id, tmp_path / "out.jsonl", "jsonl", Wanted(state=state, fields=fields or None)
        )
        return lines_of(tmp_path / "out.jsonl")

    assert written("output") == [{"output": "Do 0"}, {"output": "Do 2"}]
    assert [row["verdict"] for row in written("output", "verdict")] == ["ok", "suspect", "ok"]
    assert written("output", state="suspect") == [{"output": "Do 1"}]
    assert [row["verdict"] for row in written()] == ["ok", "suspect", "ok"]


def test_any_text_comes_back_as_it_was(tmp_path: Path) -> None:
    payload = {"name": "Grüße\n\u2028風 \x00 \x1b[0m", "n": {"deep": [1, None]}}
    repository = make_repository(tmp_path)
    job = make_job(repository, payloads=[payload])
    export_jsonl(repository, job.id, tmp_path / "out.jsonl")
    text = (tmp_path / "out.jsonl").read_text(encoding="utf-8")
    assert text.count("\n") == 1
    assert json.loads(text)["payload"] == payload


def test_a_file_is_replaced_whole_and_keeps_its_rights_and_its_link(tmp_path: Path) -> None:
    repository = make_repository(tmp_path)
    job = make_job(repository, 2)
    target, link = tmp_path / "out.jsonl", tmp_path / "link.jsonl"
    target.write_text("old\n")
    target.chmod(0o640)
    reader = target.open()
    link.symlink_to(target)
    export_jsonl(repository, job.id, link)
    assert len(lines_of(target)) == 2
    assert reader.read() == "old\n"  # whoever was reading goes on with what was there
    reader.close()
    assert link.is_symlink()
    assert target.stat().st_mode & 0o777 == 0o640


def test_a_failure_half_way_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = make_repository(tmp_path)
    job = make_job(repository, 2)
    folder = tmp_path / "out"
    folder.mkdir()
    target = folder / "out.jsonl"
    target.write_text("old\n")
    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(InvalidInput, match="No space"):
        export_jsonl(repository, job.id, target)
    assert target.read_text() == "old\n"
    assert list(folder.iterdir()) == [target]


def full_disk(_: int) -> None:
    raise OSError(28, "No space left on device")


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    repository = make_repository(tmp_path)
    job = make_job(repository, 2)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.extend(pipe.read_text().splitlines()), daemon=True)
    reader.start()
    export_jsonl(repository, job.id, pipe)
    reader.join(10)
    assert len(read) == 2
    assert pipe.is_fifo()


@pytest.mark.parametrize("target", ["missing/out.jsonl", ".", "/proc/abp.jsonl"])
def test_what_can_not_be_written_is_said(tmp_path: Path, target: str) -> None:
    repository = make_repository(tmp_path)
    job = make_job(repository, 1)
    with pytest.raises(InvalidInput):
        export_jsonl(repository, job.id, tmp_path / target)


def test_an_item_of_the_job_is_never_written_over(tmp_path: Path) -> None:
    repository = make_repository(tmp_path)
    item = tmp_path / "item.md"
    item.write_text("precious")
    job = make_job(repository, payloads=[{"file_path": str(item)}])
    with pytest.raises(InvalidInput, match="own items"):
        export_jsonl(repository, job.id, item)
    assert item.read_text() == "precious"
