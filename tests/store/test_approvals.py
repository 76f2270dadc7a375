from __future__ import annotations

from abp_tui.store.repository import Repository


def test_an_approval_is_of_one_hash_and_stays(repository: Repository) -> None:
    assert not repository.approvals.given("a" * 64)
    repository.approvals.add("code", "a" * 64, "x = 1\0")
    repository.approvals.add("code", "a" * 64, "again, half a character: \ud800")
    assert repository.approvals.given("a" * 64)
    assert not repository.approvals.given("a" * 63 + "b")
    assert not repository.approvals.given("")
    with repository.database.connected() as db:
        assert db.execute_sql("SELECT what FROM approval").fetchall() == [("x = 1\0",)]
