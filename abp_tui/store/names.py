"""The names of jobs, for a shell that completes them: read at a glance, and nothing made or moved."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

WAIT_S = 0.2
MOST = 500


def job_names(path: Path) -> list[tuple[str, str, str]]:
    """(id such as `j12`, name, status) of the newest jobs; none where the file is not there or not ready."""
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=WAIT_S)) as connection:
            query = "SELECT 'j' || id, name, status FROM job ORDER BY id DESC LIMIT ?"
            return connection.execute(query, (MOST,)).fetchall()
    except (sqlite3.Error, ValueError):
        return []
