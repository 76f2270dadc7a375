"""The database: everything that is known of jobs, behind one door, the `Repository`.

Peewee is loaded here, before any room of the store asks for it, and without the Postgres driver: it would
load that for databases that are none of ours, in a sixth of the time that the program takes to start.
"""

from __future__ import annotations

import sys

if "psycopg" not in sys.modules:
    sys.modules["psycopg"] = None  # type: ignore[assignment]  # Python's way to say that there is none
    try:
        import peewee  # noqa: F401
    finally:
        del sys.modules["psycopg"]
