"""The baseline of a batch: `xargs`, which runs the bare program and records nothing."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from tests.bench.setting import PATIENCE_S, environment


def xargs(folder: Path, count: int, argv: Sequence[str], *, workers: int) -> float:
    """Seconds that `xargs` needs for as many items, what they print going to one file."""
    items, output = folder / "items", folder / "output"
    items.write_text("".join(f"{n}\n" for n in range(count)))
    with items.open("rb") as source, output.open("wb") as target:
        began = time.monotonic()
        subprocess.run(
            ["xargs", f"-P{workers}", "-n1", *argv],
            stdin=source,
            stdout=target,
            env=environment(),
            check=True,
            timeout=PATIENCE_S,
        )
        return time.monotonic() - began
