"""Folds by interpreter: what each that took part has made of the items that fell to it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import reduce
from typing import Any

from subpool._iter.folds import Fold

__all__ = ["CollectPerWorker", "FoldPerWorker"]


def _here() -> int:
    """The number of this interpreter's worker, -1 in the host."""
    from subpool.ambient import worker_index

    index = worker_index()
    return -1 if index is None else index


def _listed(acc: dict[Any, Any] | None) -> list[Any]:
    """The entries, the caller's first."""
    return [] if acc is None else [acc[who] for who in sorted(acc)]


class CollectPerWorker(Fold):
    """A list of lists: the items that each interpreter took in."""

    def step(self, acc: dict[int, list[Any]] | None, items: Iterable[Any]) -> dict[int, list[Any]]:
        here, acc = _here(), {} if acc is None else acc
        acc.setdefault(here, []).extend(items)
        return acc

    def join(self, acc: dict[int, list[Any]], other: dict[int, list[Any]]) -> dict[int, list[Any]]:
        for who, items in other.items():
            acc.setdefault(who, []).extend(items)
        return acc

    def finish(self, acc: dict[int, list[Any]] | None) -> list[list[Any]]:
        return _listed(acc)


class FoldPerWorker(Fold):
    """A list of accumulators: one stays in each interpreter, and comes home with each of its pieces as it then is."""

    lazy = True

    def __init__(self, make: Callable[[], Any], f: Callable[[Any, Any], Any]) -> None:
        self.make = make
        self.f = f
        self._mine: list[Any] = []
        self._steps = 0
        self._who = (_here(), os.urandom(8))  # a worker that was replaced is another interpreter

    def __reduce__(self) -> tuple[Any, ...]:
        return FoldPerWorker, (self.make, self.f)

    def step(self, acc: dict[Any, Any] | None, items: Iterable[Any]) -> dict[Any, Any]:
        if not self._mine:
            self._mine.append(self.make())
        self._mine[0] = reduce(self.f, items, self._mine[0])
        self._steps += 1
        acc = {} if acc is None else acc
        acc[self._who] = (self._steps, self._mine[0])
        return acc

    def join(self, acc: dict[Any, Any], other: dict[Any, Any]) -> dict[Any, Any]:
        for who, (steps, mine) in other.items():
            if who not in acc or acc[who][0] < steps:
                acc[who] = (steps, mine)
        return acc

    def finish(self, acc: dict[Any, Any] | None) -> list[Any]:
        return [mine for _, mine in _listed(acc)]
