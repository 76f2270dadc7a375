from __future__ import annotations

from array import array

import pytest

from abp_tui.domain.model import UnitLine
from abp_tui.domain.status import UnitStatus, Verdict
from abp_tui.store.repository import Repository
from abp_tui.tui.widgets.unit_rows import UnitRows
from tests.factories import make_job
from tests.store.test_units import end_units


def failed_rows(repository: Repository) -> UnitRows:
    """Rows of a job of ten, of which 2, 4 and 6 have failed, with only those shown."""
    job = make_job(repository, 10)
    end_units(repository, job.id, "FAILED", range(2, 7, 2))
    rows = UnitRows(repository.units, job.id)
    rows.items = 10
    rows.show("failed", "", rows.read_seqs("failed"))
    return rows


def shown(rows: UnitRows) -> list[int]:
    return [rows.seq_at(index) for index in range(len(rows))]


@pytest.mark.parametrize(
    ("seq", "status", "expected"),
    [
        (4, UnitStatus.PENDING, [2, 6]),
        (5, UnitStatus.FAILED, [2, 4, 5, 6]),
        (9, UnitStatus.FAILED, [2, 4, 6, 9]),
        (4, UnitStatus.FAILED, [2, 4, 6]),
        (5, UnitStatus.COMPLETED, [2, 4, 6]),
        (10, UnitStatus.FAILED, [2, 4, 6]),  # the synthesis is no item
    ],
)
def test_a_changed_unit_is_sorted_in_or_out(
    repository: Repository, seq: int, status: UnitStatus, expected: list[int]
) -> None:
    rows = failed_rows(repository)
    assert rows.sort_in(UnitLine(seq=seq, key="k", status=status)) is (expected != [2, 4, 6])
    assert shown(rows) == expected


def test_a_doubtful_unit_is_no_completed_one(repository: Repository) -> None:
    rows = failed_rows(repository)
    rows.show("suspect", "", rows.read_seqs("suspect"))
    done = UnitLine(seq=1, key="k", status=UnitStatus.COMPLETED)
    assert not rows.sort_in(done)
    assert rows.sort_in(done.model_copy(update={"verdict": Verdict.SUSPECT}))
    assert shown(rows) == [1]


def test_a_page_has_its_units_also_when_they_are_in_another_state_by_now(repository: Repository) -> None:
    rows = failed_rows(repository)
    repository.units.put_back(1, [4])
    assert [(line.seq, line.status) for line in rows.read_page(0)] == [
        (2, UnitStatus.FAILED),
        (4, UnitStatus.PENDING),
        (6, UnitStatus.FAILED),
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (UnitLine(seq=3, key="The Key", status=UnitStatus.PENDING), [2, 3]),
        (UnitLine(seq=3, key="k", status=UnitStatus.FAILED, note="a lost key"), [2, 3]),
        (UnitLine(seq=3, key="k", status=UnitStatus.COMPLETED), [2]),
        (
            UnitLine(seq=2, key="k", status=UnitStatus.COMPLETED),
            [2],
        ),  # was found in what it said
    ],
)
def test_a_changed_unit_joins_those_found_if_it_holds_the_text(
    repository: Repository, line: UnitLine, expected: list[int]
) -> None:
    rows = failed_rows(repository)
    rows.show("", "key", array("q", [2]))
    rows.sort_in(line)
    assert shown(rows) == expected
