"""The pool as code in one of its workers sees it: it may use it, and not end it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from subpool.pool import Pool
from subpool.stats import PoolStats

if TYPE_CHECKING:
    from collections.abc import Generator

    from subpool._schedule.worker import WorkerStation

__all__ = ["VisitedPool", "visited_pool"]


class VisitedPool(Pool):
    """The pool that this interpreter is a worker of."""

    def __init__(self, station: WorkerStation) -> None:
        self._here = station
        self.workers: int = station.workers

    def _station(self) -> WorkerStation:
        return self._here

    def close(self, wait: bool = True, cancel: bool = False) -> None:
        """Not for workers."""
        raise RuntimeError("a pool is closed by the host, not by a task that runs in it")

    def stats(self) -> PoolStats:
        """What the pool has done so far."""
        arena = self._here.arena
        places = [arena.stat(seat) for seat in range(arena.seats)]
        counters = [sum(arena.words[place + which] for place in places) for which in range(10)]
        return PoolStats._make([*counters, self.workers, 0])

    @contextmanager
    def install(self) -> Generator[Self]:
        """It is installed here already."""
        yield self

    def __repr__(self) -> str:
        return f"<Pool of {self.workers} workers, seen from worker {self._here.index}>"


_made: list[VisitedPool] = []


def visited_pool(station: WorkerStation) -> Pool:
    """The one such pool of this interpreter."""
    if not _made:
        _made.append(VisitedPool(station))
    return _made[0]
