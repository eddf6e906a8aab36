"""A directory tree scanned by a `scope`: each folder spawns the scans of its subfolders, then reads its own files.

Nobody counts the folders beforehand, or divides them: a worker with nothing to do takes a folder that waits, from
whoever has one, and that folder's subfolders are then taken from it. Look at how many files each interpreter read.
"""

import argparse
import os
import re
import sysconfig
import time
import zlib
from collections import Counter
from dataclasses import dataclass, field

import subpool

WORD = re.compile(rb"\w+")


@dataclass
class Totals:
    """What some files have in them."""

    size: int = 0
    lines: int = 0
    words: set[int] = field(default_factory=set[int])  # their checksums: smaller to send home than the words
    readers: Counter[str] = field(default_factory=Counter[str])

    def add(self, other: "Totals") -> None:
        """Add what other files have."""
        self.size += other.size
        self.lines += other.lines
        self.words |= other.words
        self.readers += other.readers


def scan(folder: str) -> Totals:
    totals = Totals()
    files, subfolders = listing(folder)
    with subpool.scope() as s:
        tasks = [s.spawn(scan, subfolder) for subfolder in subfolders]
        for file in files:
            read(file, totals)
    for task in tasks:
        totals.add(task.result())
    return totals


def scan_alone(folder: str) -> Totals:
    totals = Totals()
    files, subfolders = listing(folder)
    for file in files:
        read(file, totals)
    for subfolder in subfolders:
        totals.add(scan_alone(subfolder))
    return totals


def listing(folder: str) -> tuple[list[str], list[str]]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:  # not ours to read
        return [], []
    files = [entry.path for entry in entries if entry.is_file(follow_symlinks=False) and entry.name.endswith(".py")]
    return files, [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]


def read(path: str, totals: Totals) -> None:
    try:
        with open(path, "rb") as file:
            text = file.read()
    except OSError:
        return
    worker = subpool.worker_index()
    totals.size += len(text)
    totals.lines += text.count(b"\n")
    totals.words.update(zlib.crc32(word.lower()) for word in WORD.findall(text))
    totals.readers["host" if worker is None else f"worker {worker}"] += 1


def main() -> None:
    library = sysconfig.get_path("stdlib")
    parser = argparse.ArgumentParser(description="Sum up the Python files under a folder, with subpool.scope.")
    parser.add_argument("folder", nargs="?", default=library, help="default: the standard library's")
    parser.add_argument("--quick", action="store_true", help="scan a smaller folder: the standard library's xml")
    arguments = parser.parse_args()
    folder = os.path.join(library, "xml") if arguments.quick else arguments.folder

    subpool.join(int, int)  # starts the workers
    started = time.perf_counter()
    alone = scan_alone(folder)
    between = time.perf_counter()
    together = scan(folder)
    ended = time.perf_counter()
    print(f"{folder}: {together.size:,} bytes, {together.lines:,} lines, {len(together.words):,} different words")
    print(f"alone {between - started:.2f} s, with a scope {ended - between:.2f} s")
    print("files read by", ", ".join(f"{reader}: {count}" for reader, count in sorted(together.readers.items())))
    print("the same totals:", (alone.size, alone.lines, alone.words) == (together.size, together.lines, together.words))


if __name__ == "__main__":
    main()
