from __future__ import annotations

import hashlib
import sqlite3
import stat
import threading
from pathlib import Path

import pytest

from abp_tui.errors import StoreError
from abp_tui.store.database import APPLICATION_ID, Database
from abp_tui.store.repository import Repository
from tests.factories import make_job


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def digest(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}


def test_a_new_database_is_private(tmp_path: Path) -> None:
    database = Database(tmp_path / "a" / "b" / "abp.db")
    with database.connected() as db:
        db.execute_sql("UPDATE meta SET value = value")
        assert mode(tmp_path / "a") == mode(tmp_path / "a" / "b") == 0o700
        files = list((tmp_path / "a" / "b").iterdir())
        assert len(files) == 3
        assert {mode(file) for file in files} == {0o600}


def test_a_folder_that_was_there_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    Database(tmp_path / "abp.db")
    assert mode(tmp_path) == 0o755


def test_pragmas(tmp_path: Path) -> None:
    database = Database(tmp_path / "abp.db")
    expected = {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "application_id": APPLICATION_ID,
        "auto_vacuum": 2,
    }
    with database.connected() as db:
        found = {name: db.execute_sql(f"PRAGMA {name}").fetchone()[0] for name in expected}
    assert found == expected


def test_a_file_that_is_no_database_is_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("dear diary")
    before = digest(tmp_path)
    with pytest.raises(StoreError, match="not an SQLite database"):
        Repository(path)
    assert digest(tmp_path) == before


def test_another_programs_database_is_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / "places.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode = wal")
        connection.execute("CREATE TABLE job (id INTEGER)")
    connection.close()
    before = digest(tmp_path)
    with pytest.raises(StoreError, match="another program"):
        Repository(path)
    assert digest(tmp_path) == before


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    path = Repository(tmp_path / "abp.db").path
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreError, match="newer abp"):
        Repository(path)


def test_a_folder_that_can_not_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="can't open the database"):
        Repository(tmp_path / "file" / "abp.db")


def test_a_malformed_database_is_an_error_that_names_it(repository: Repository) -> None:
    make_job(repository, 300)
    with repository.database.connected() as db:
        db.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    with repository.path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 4096 * 8)
    with pytest.raises(StoreError, match=r"abp\.db"):
        repository.jobs.all()


def test_each_thread_has_a_connection_and_closes_it(repository: Repository) -> None:
    seen = []

    def use() -> None:
        with repository.database.connected() as db:
            seen.append(id(db.connection()))
        seen.append(repository.database.peewee.is_closed())

    with repository.database.connected() as db:
        mine = id(db.connection())
        thread = threading.Thread(target=use)
        thread.start()
        thread.join()
    assert seen[0] != mine
    assert seen[1] is True
    assert repository.database.peewee.is_closed()


def test_data_version_changes_with_another_connections_commit(repository: Repository) -> None:
    with repository.database.connected():
        before = repository.database.data_version()
        assert repository.database.data_version() == before
        thread = threading.Thread(target=make_job, args=(repository,))
        thread.start()
        thread.join()
        assert repository.database.data_version() != before
