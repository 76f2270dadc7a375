"""The `abp` command."""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper

from abp_tui.errors import AbpError


def main() -> None:
    """The entry point: runs a verb and exits with its code; an error is one line on stderr."""
    sys.exit(_run())


def _run() -> int:
    _speak_utf8()
    try:
        if len(sys.argv) == 1 and not any(name.startswith("_ABP_") for name in os.environ):
            return _open_app()
        from abp_tui.cli.group import run_verb

        return run_verb()
    except AbpError as error:
        from abp_tui.cli.common import complain

        complain(error.message, error.hint)
        return 2
    except BrokenPipeError:
        return _close_quietly()
    except Exception as error:  # noqa: BLE001 - the last resort: the whole story goes to a file
        from abp_tui.cli.crash import report

        return report(error)


def _open_app() -> int:
    """Without what verbs need, which would be loaded in vain."""
    from abp_tui.cli.app import open_app

    try:
        open_app()
    except KeyboardInterrupt as error:
        from abp_tui.cli.common import code_of

        return code_of(error)
    return 0


def _speak_utf8() -> None:
    """Into pipes and files UTF-8, as JSON wants it; what can't be encoded becomes an escape."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # it is None where the shell has closed it
            stream.reconfigure(encoding=None if stream.isatty() else "utf-8", errors="backslashreplace")


def _close_quietly() -> int:
    """Whoever read our output has left: say nothing, and leave the interpreter nothing to flush."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1
