"""What the program costs beside the bare thing, measured side by side: `python -m tests.bench`."""
