"""Word statistics and a search over all the text that this machine has anyway: Python's own sources and documentation.

Look at the calls: `fold` counts into one table per piece of the work and merges the tables; `find_first` stops all
interpreters as soon as the earliest hit is certain. Nobody chose how many files go into a piece.
"""

import argparse
import re
import sysconfig
import time
from collections import Counter
from functools import partial
from pathlib import Path

import subpool

WORD = re.compile(r"[a-z]{3,}")
LEAST = 3
"""How often a word must be in one file to count there: it keeps the tables small that travel home."""


def corpus(folder: Path, limit: int | None) -> list[Path]:
    """The text files under a folder, in a fixed order."""
    kinds = {".py", ".rst", ".txt", ".md", ".html"}
    found = sorted(path for path in folder.rglob("*") if path.suffix in kinds and path.is_file())
    return found[:limit]


def words(path: Path) -> list[str]:
    return WORD.findall(path.read_text(encoding="utf-8", errors="replace").lower())


def count(totals: Counter[str], path: Path) -> Counter[str]:
    totals.update({word: times for word, times in Counter(words(path)).items() if times >= LEAST})
    return totals


def merge(some: Counter[str], others: Counter[str]) -> Counter[str]:
    some.update(others)
    return some


def mentions(word: str, path: Path) -> bool:
    return word in words(path)


def main() -> None:
    parser = argparse.ArgumentParser(description="Count words, and look for one, in all text files under a folder.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(sysconfig.get_path("stdlib")))
    parser.add_argument("--word", default="subinterpreter", help="look for this one")
    parser.add_argument("--quick", action="store_true", help="only the first 60 files")
    options = parser.parse_args()
    files = corpus(options.folder, 60 if options.quick else None)
    megabytes = sum(path.stat().st_size for path in files) / 1e6
    print(f"{len(files)} files, {megabytes:.1f} MB, under {options.folder}")
    subpool.join(int, int)  # starts the workers

    begun = time.perf_counter()
    alone: Counter[str] = Counter()
    for path in files:
        count(alone, path)
    between = time.perf_counter()
    together = subpool.par_iter(files).fold(Counter[str], count, merge)
    ended = time.perf_counter()
    print(f"one after the other {between - begun:.2f} s, par_iter {ended - between:.2f} s; equal: {alone == together}")
    print("most often:", ", ".join(f"{word} {times}" for word, times in together.most_common(8)))

    first = subpool.par_iter(files).find_first(partial(mentions, options.word))
    where = "in none of them" if first is None else f"first in {first.relative_to(options.folder)}"
    print(f"{options.word!r} is {where}")


if __name__ == "__main__":
    main()
