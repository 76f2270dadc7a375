"""What nobody foresaw: one line for the person, the whole story in a file."""

from __future__ import annotations

import tempfile
import traceback
from pathlib import Path

from abp_tui import __version__
from abp_tui.cli.common import complain

UNFORESEEN = 70  # EX_SOFTWARE


def report(error: BaseException) -> int:
    """Save the traceback, say where, and return the exit code for it."""
    story = f"abp {__version__}\n{''.join(traceback.format_exception(error))}"
    complain(f"unforeseen: {type(error).__name__}: {error}", f"the whole story is in {_save(story)}")
    return UNFORESEEN


def _save(story: str) -> Path:
    """Beside the database if that works, else among the temporary files."""
    from abp_tui.paths import log_folder
    from abp_tui.settings import load_settings

    try:
        folder = log_folder(load_settings().database)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return _write(folder, story)
    except Exception:  # noqa: BLE001 - perhaps this is what went wrong in the first place
        return _write(Path(tempfile.gettempdir()), story)


def _write(folder: Path, story: str) -> Path:
    with tempfile.NamedTemporaryFile(
        "w", dir=folder, prefix="crash-", suffix=".txt", delete=False, encoding="utf-8", errors="replace"
    ) as file:
        file.write(story)
    return Path(file.name)
