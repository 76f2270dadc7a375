"""Whose account this process runs under."""

from __future__ import annotations

import getpass
import os


def account_name() -> str:
    """The person at work here, by the name of their account: foreign text, as the environment may set it."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # an account without a name, as in some containers
        return f"user {os.getuid()}"
