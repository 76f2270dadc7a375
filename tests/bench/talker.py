"""An agent that has something to say so many times a second, until it is ended."""

from __future__ import annotations

import json
import random
import sys
import time
from itertools import count

WORDS = "reads a file thinks about it and writes down what there is to change in its second half".split()


def main(per_s: float) -> None:
    """Print a line of JSON each time."""
    began = time.monotonic()
    for n in count():
        words = " ".join(random.sample(WORDS, len(WORDS)))  # each line is another one, from its first letter
        print(json.dumps({"type": "text", "n": n, "text": words}), flush=True)
        time.sleep(max(0.0, began + (n + 1) / per_s - time.monotonic()))


if __name__ == "__main__":
    main(float(sys.argv[1]))
