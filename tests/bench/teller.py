"""An agent that says so many times a second which of its lines it says, and when, for so many seconds."""

from __future__ import annotations

import json
import sys
import time


def main(per_s: float, seconds: float) -> None:
    """Print a line of JSON each time."""
    began = time.monotonic()
    for n in range(int(per_s * seconds)):
        time.sleep(max(0.0, began + (n + 1) / per_s - time.monotonic()))
        print(json.dumps({"type": "text", "text": f"{n} {time.time()}"}), flush=True)


if __name__ == "__main__":
    main(float(sys.argv[1]), float(sys.argv[2]))
