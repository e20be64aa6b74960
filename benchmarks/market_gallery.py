"""Market-1501 as a new user meets it: enroll its gallery folder, ask all its queries, count.

    python benchmarks/market_gallery.py MARKET1501 STORE

MARKET1501 holds ``bounding_box_test`` and ``query``. Everything goes through the command line in
processes of their own: ``enroll``, then ``query --json`` camera by camera. Rank-1 by distinct
identities is given twice: with all sightings of the query's own camera left out (``--not-camera``;
easier than the data set's protocol, which leaves out only the same person's and keeps that camera's
strangers: for that figure see ``reid-gallery evaluate``) and with none left out, as a gallery would
be asked.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

from reid_gallery.gallery.pictures.layouts import read_layout

CLI = [sys.executable, "-c", "from reid_gallery.cli import main; main()"]


def run(arguments: list[str], lines: list[str]) -> tuple[list[str], float, float]:
    """Run a command with ``lines`` on stdin; return its output, seconds and peak MB."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [*CLI, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n".join(lines))
    process.stdin.close()
    said = process.stdout.read().splitlines()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{arguments[0]} failed with status {status}")
    return said, time.perf_counter() - started, usage.ru_maxrss / 1024


def main() -> None:
    """Enroll, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("store", type=Path)
    arguments = parser.parse_args()
    store = ["--store", str(arguments.store)]
    gallery = arguments.data / "bounding_box_test"
    if not arguments.store.exists():
        said, seconds, memory = run(["enroll", str(gallery), "--layout", "market1501", *store], [])
        print(f"enroll: {said[0]}; {seconds:.0f} s, {memory:.0f} MB", flush=True)
    by_camera: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for picture in read_layout("market1501", arguments.data / "query").pictures:
        by_camera[picture.camera or ""].append((str(picture.path), picture.pid))
    for title, excluding in (("other cameras only", True), ("all sightings", False)):
        right = asked = seconds_in_all = peak = 0.0
        for camera, queries in sorted(by_camera.items()):
            options = ["--not-camera", camera] if excluding else []
            said, seconds, memory = run(
                ["query", "-", "--json", "-k", "1", *options, *store], [path for path, _ in queries]
            )
            answers = [json.loads(line)["matches"][0]["pid"] for line in said]
            right += sum(a == pid for a, (_, pid) in zip(answers, queries, strict=True))
            asked += len(queries)
            seconds_in_all, peak = seconds_in_all + seconds, max(peak, memory)
        print(
            f"query, {title}: rank-1 by identity {right / asked:.2%} of {asked:.0f}; "
            f"{seconds_in_all:.0f} s in {len(by_camera)} runs, {peak:.0f} MB",
            flush=True,
        )


if __name__ == "__main__":
    main()
