"""Put the tables that a benchmark printed in the place of a page's, in their order.

    python benchmarks/unknown.py DATA --held-out PEOPLE.csv > FRESH.md
    python benchmarks/paste_tables.py docs/unknown.md FRESH.md

The page's text stays; what it says of the figures is to be read again.
"""

import argparse
import sys
from itertools import groupby
from pathlib import Path

Block = tuple[bool, list[str]]


def read_blocks(text: str) -> list[Block]:
    """Part a text into tables (True) and what lies between."""
    lines = text.splitlines(keepends=True)
    return [(is_table, list(part)) for is_table, part in groupby(lines, lambda s: s[0] == "|")]


def paste(page: str, fresh: str) -> str:
    """Return the page with the fresh tables.

    Raises:
        ValueError: the two have not as many tables, or a pair not as many columns.
    """
    tables = [lines for is_table, lines in read_blocks(fresh) if is_table]
    blocks = read_blocks(page)
    old = [lines for is_table, lines in blocks if is_table]
    if len(tables) != len(old):
        raise ValueError(f"{len(tables)} tables were printed and the page has {len(old)}")
    for ours, theirs in zip(tables, old, strict=True):
        if ours[0].count("|") != theirs[0].count("|"):
            raise ValueError(f"columns differ: printed {ours[0].strip()}, page {theirs[0].strip()}")
    waiting = iter(tables)
    return "".join("".join(next(waiting) if is_table else lines) for is_table, lines in blocks)


def main() -> None:
    """Write the page anew."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("page", type=Path)
    parser.add_argument("fresh", type=Path)
    arguments = parser.parse_args()
    try:
        pasted = paste(arguments.page.read_text("utf-8"), arguments.fresh.read_text("utf-8"))
    except ValueError as error:
        sys.exit(f"{arguments.page}: {error}; lay the page out as {arguments.fresh} first")
    arguments.page.write_text(pasted, "utf-8")


if __name__ == "__main__":
    main()
