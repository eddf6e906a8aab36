"""A web server's log of 100 MB, summed up without being copied: every interpreter maps the same file.

Look at what travels: a piece of the work is two numbers, and a table comes home. The file itself is mapped by each
interpreter, and its pages are in memory once. A line belongs to the piece in which it begins.
"""

import argparse
import mmap
import random
import re
import tempfile
import time
from collections import Counter
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import subpool

LINE = re.compile(rb'^(\S+) \[(\d\d):\d\d:\d\d\] "GET (\S+)" (\d+) (\d+)ms$', re.MULTILINE)
PIECE = 1 << 18
"""Bytes to an item of the pipeline: so small that it does not matter."""


class Summary(NamedTuple):
    """What some lines have in them."""

    lines: int = 0
    slow: int = 0
    status: Counter[bytes] = Counter()  # noqa: RUF012 - never changed: `plus` makes a new one
    hours: Counter[bytes] = Counter()  # noqa: RUF012

    def plus(self, other: "Summary") -> "Summary":
        """What these lines and others have."""
        return Summary(
            self.lines + other.lines, self.slow + other.slow, self.status + other.status, self.hours + other.hours
        )


def generate(path: Path, size: int) -> None:
    """Write a log of about that many bytes."""
    dice = random.Random(7)
    pages = [f"/page/{n}" for n in range(200)]
    block = "".join(
        f"10.{dice.randrange(256)}.{dice.randrange(256)}.{dice.randrange(256)} "
        f"[{min(23, abs(int(dice.gauss(14, 5)))):02}:{dice.randrange(60):02}:{dice.randrange(60):02}] "
        f'"GET {dice.choice(pages)}" {dice.choice((200, 200, 200, 304, 404, 500))} {int(dice.expovariate(0.02))}ms\n'
        for _ in range(20_000)
    ).encode()
    with path.open("wb") as file:
        for _ in range(max(1, size // len(block))):
            file.write(block)


@cache
def mapped(path: Path) -> mmap.mmap:
    """The file's memory: once per interpreter, the same pages in all of them."""
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def summary(path: Path, first: int) -> Summary:
    """The lines that begin between `first` and the next piece."""
    log = mapped(path)
    begin = 0 if first == 0 else log.find(b"\n", first - 1) + 1
    end = log.find(b"\n", min(first + PIECE, len(log)) - 1) + 1 or len(log)
    lines = slow = 0
    status: Counter[bytes] = Counter()
    hours: Counter[bytes] = Counter()
    for line in LINE.finditer(log, begin, end):
        lines += 1
        slow += int(line[5]) > 100
        status[line[4]] += 1
        hours[line[2]] += 1
    return Summary(lines, slow, status, hours)


def analyse(path: Path, parallel: bool) -> Summary:
    firsts = range(0, path.stat().st_size, PIECE)
    ask = partial(summary, path)
    if parallel:
        return subpool.par_iter(firsts).map(ask).reduce(Summary.plus, initial=Summary())
    total = Summary()
    for first in firsts:
        total = total.plus(ask(first))
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description="Sum up a log of a web server, which is generated first.")
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--quick", action="store_true", help="a log of 2 MB")
    options = parser.parse_args()
    size = (2 if options.quick else options.megabytes) * 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "access.log")
        generate(path, size)
        subpool.join(int, int)  # starts the workers
        begun = time.perf_counter()
        alone = analyse(path, parallel=False)
        between = time.perf_counter()
        together = analyse(path, parallel=True)
        ended = time.perf_counter()
        mapped(path).close()
    print(f"{size / 1e6:.0f} MB, {together.lines:,} lines: alone {between - begun:.2f} s, "
          f"par_iter {ended - between:.2f} s; equal: {alone == together}")  # fmt: skip
    print(f"slower than 100 ms: {together.slow:,}; by status:", dict(sorted(together.status.items())))
    busiest, requests = together.hours.most_common(1)[0]
    print(f"busiest hour: {busiest.decode()}, {requests:,} requests")


if __name__ == "__main__":
    main()
