"""`python -m abp_tui.web`: the app of one window, as the server starts it, on pipes for a terminal."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

from abp_tui.errors import AbpError
from abp_tui.tui import run

LOOK_S = 1.0


def main() -> int:
    """Run the app until its window is closed; 1 with a line on why it could not begin."""
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    try:
        run()
    except AbpError as error:
        print(f"abp: {error}", file=sys.stderr)  # noqa: T201 - the server shows it
        return 1
    return 0


def _end_with(server: int) -> None:
    """End with the server, also where that was killed: nobody could see the app any more."""
    while os.getppid() == server:
        time.sleep(LOOK_S)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
