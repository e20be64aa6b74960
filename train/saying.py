"""What training says while it works: lines with the time, on stderr."""

import sys
import time


def log(line: str) -> None:
    """Say something on stderr, with the time."""
    print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)
