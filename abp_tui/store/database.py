"""Opening the database file: refusing foreign ones, creating, migrating, and connections per thread."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from peewee import DatabaseError, IntegrityError, InterfaceError, SqliteDatabase

from abp_tui.errors import StoreError, StoreUnavailable
from abp_tui.store.migrations import MIGRATIONS, migrate
from abp_tui.store.wal import LIMIT_BYTES, WriteAheadLog

APPLICATION_ID = 0x61627031  # "abp1"
MAGIC = b"SQLite format 3\x00"
HEADER_SIZE = 100
BUSY_TIMEOUT_S = 10.0
MOST_CHARS = 4 * 1024 * 1024  # that are read at once where somebody goes through all there is

Row = Mapping[str, Any]


class Database:
    """One SQLite file. Each thread has a connection of its own, open only while it is used.

    Raises `StoreError` for a file that is not ours, can't be opened, or is newer than this program.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path).expanduser().absolute()
        self.peewee = SqliteDatabase(
            str(self.path),
            pragmas={
                "synchronous": "full",
                "foreign_keys": 1,
                "journal_size_limit": LIMIT_BYTES,
            },
            timeout=BUSY_TIMEOUT_S,
            lock_type="IMMEDIATE",
            autoconnect=False,
        )
        self.wal = WriteAheadLog(self.path)
        self._prepare()

    @contextmanager
    def connected(self) -> Iterator[SqliteDatabase]:
        """This thread's connection, opened if it is not and then closed again at the end."""
        with self.kept_open(), self.told():
            yield self.peewee

    @contextmanager
    def kept_open(self) -> Iterator[None]:
        """Open this thread's connection once for all that is done meanwhile, whatever that raises."""
        with self.told():
            opened = self.peewee.connect(reuse_if_open=True)
        try:
            yield
        finally:
            if opened:
                self.peewee.close()

    @contextmanager
    def writing(self) -> Iterator[SqliteDatabase]:
        """A transaction that takes the write lock at its start, so that what it reads stays true."""
        with self.connected() as db:
            with db.atomic():
                yield db
            if not db.in_transaction():
                self.wal.keep_small(db.connection())

    def rows(self, query: Any) -> list[Row]:
        """All rows of a Peewee query, as dictionaries by column name."""
        with self.connected() as db:
            return list(query.bind(db).dicts())

    def row(self, query: Any) -> Row | None:
        """The first row of a Peewee query, or None."""
        return next(iter(self.rows(query.limit(1))), None)

    def some(self, query: Any) -> list[Row]:
        """The first rows of a Peewee query, one at least, as many as are not too long to hold at once."""
        found: list[Row] = []
        chars = 0
        with self.connected() as db:
            for row in query.bind(db).dicts().iterator():
                found.append(row)
                chars += sum(len(value) for value in row.values() if isinstance(value, str))
                if chars > MOST_CHARS:
                    break
        return found

    def run(self, query: Any) -> Any:
        """Run a writing Peewee query; an update or delete returns the number of rows it touched."""
        with self.connected() as db:
            return query.execute(db)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection of its own that can only read, in one transaction: all it reads is of one moment."""
        with self.told(), closing(_open_to_read(self.path)) as connection:
            connection.execute("BEGIN")
            yield connection
        if self.wal.over_limit() and os.access(self.path, os.W_OK):  # perhaps for us alone
            with self.connected() as db:
                self.wal.keep_small(db.connection())

    def data_version(self) -> int:
        """A number that changes when another connection has committed (SQLite's `data_version`)."""
        with self.connected() as db:
            return int(db.execute_sql("PRAGMA data_version").fetchone()[0])

    def _prepare(self) -> None:
        _make_private(self.path)
        with self.told():
            version = _version_of(self.path)
            if version > len(MIGRATIONS):
                raise StoreError(
                    f"{self.path} was written by a newer abp (schema {version}, this one knows "
                    f"{len(MIGRATIONS)})",
                    "update abp, or name another file in ABP_STORAGE_PATH",
                )
            if version < len(MIGRATIONS):
                migrate(self.path, APPLICATION_ID)

    @contextmanager
    def told(self) -> Iterator[None]:
        """Turn what SQLite raises into an error that says what and where."""
        try:
            yield
        except (IntegrityError, InterfaceError, sqlite3.IntegrityError, sqlite3.InterfaceError):
            raise  # a mistake of ours, not of the file or the disk
        except (DatabaseError, sqlite3.DatabaseError) as error:
            if _ROLLED_BACK in str(error) and error.__context__ is not None:
                error = error.__context__  # SQLite had done that itself, for this reason
            passes = any(mark in str(error) for mark in _PASSES)
            kind = StoreUnavailable if passes else StoreError
            raise kind(f"database {self.path}: {error}", _hint(str(error))) from error


def _version_of(path: Path) -> int:
    """The schema version of our file, 0 for a new one; a foreign file is refused and left as it is."""
    if path.stat().st_size == 0:
        return 0
    with path.open("rb") as file:
        header = file.read(HEADER_SIZE)
    if header[: len(MAGIC)] != MAGIC:
        raise _foreign(path, "it is not an SQLite database")
    if int.from_bytes(header[68:72], "big") != APPLICATION_ID:  # where SQLite keeps it
        raise _foreign(path, "another program's database")
    with closing(_open_to_read(path)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _open_to_read(path: Path) -> sqlite3.Connection:
    """A connection that only reads, also where the folder can't be written.

    There SQLite can't make the files that readers and writers share. Where there are none, nobody writes.
    """
    connection = _connect(path, "mode=ro")
    try:
        connection.execute("PRAGMA schema_version")
    except sqlite3.OperationalError:
        connection.close()
        if os.access(path.parent, os.W_OK) or path.with_name(f"{path.name}-wal").exists():
            raise
        return _connect(path, "mode=ro&immutable=1")
    return connection


def _connect(path: Path, parameters: str) -> sqlite3.Connection:
    uri = f"{path.as_uri()}?{parameters}"
    return sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)


def _foreign(path: Path, why: str) -> StoreError:
    return StoreError(f"{path} is not a database of abp: {why}", "name another file in ABP_STORAGE_PATH")


def _make_private(path: Path) -> None:
    """Make the folder (0700) and the file (0600) where there are none yet, before SQLite would."""
    try:
        _make_folder(path.parent)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, stat.S_IRUSR | stat.S_IWUSR))
    except OSError as error:
        if os.access(path, os.R_OK):
            return  # it may only be read, and that is enough to look at it
        raise StoreError(
            f"can't open the database {path}: {error.strerror}",
            "make its folder writable, or name another file in ABP_STORAGE_PATH",
        ) from error


def _make_folder(folder: Path) -> None:
    for missing in reversed([p for p in (folder, *folder.parents) if not p.exists()]):
        missing.mkdir(mode=stat.S_IRWXU, exist_ok=True)


_ROLLED_BACK = "cannot rollback"
_PASSES = ("locked", "busy", "readonly", "full", "disk I/O", "unable to open")
_HINTS: tuple[tuple[str, str], ...] = (
    ("locked", "another program holds it; try again, or end that program"),
    ("readonly", "make the file and its folder writable"),
    ("full", "free some space on that disk"),
    ("disk I/O", "look at the disk and at `dmesg`"),
    ("malformed", "restore a copy, or run `sqlite3 FILE .recover`"),
    ("not a database", "name another file in ABP_STORAGE_PATH"),
    ("unable to open", "check the path and its permissions"),
)


def _hint(text: str) -> str:
    return next((hint for mark, hint in _HINTS if mark in text), "look at the file with `sqlite3`")
