"""Finds words that differ in a letter, the slow way, and tells how far it has come."""

import re
import time

from subpool.plugin import export, report


@export
def pairs(text: str, patience: float) -> list[tuple[str, str]]:
    """The pairs of words that are alike; after each word it rests for a while, as if there were much to do."""
    words = sorted(set(re.findall(r"[a-z]{3,}", text.lower())))
    found: list[tuple[str, str]] = []
    for done, word in enumerate(words, 1):
        found += [(word, other) for other in words[done:] if _differ_by_one(word, other)]
        time.sleep(patience)
        report(done / len(words), word)
    return found


def _differ_by_one(word: str, other: str) -> bool:
    return len(word) == len(other) and sum(a != b for a, b in zip(word, other, strict=True)) == 1
