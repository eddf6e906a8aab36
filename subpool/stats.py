"""`PoolStats`: what a pool has done so far."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["PoolStats"]


class PoolStats(NamedTuple):
    """A snapshot of what a pool has done since it started."""

    tasks_completed: int
    """Halves and background tasks that ran in a worker, or in a caller that helped, and returned."""
    tasks_failed: int
    tasks_cancelled: int
    published: int
    """Halves that were written for others, since somebody was hungry."""
    stolen: int
    taken_back: int
    """Published halves that their owner ran itself after all."""
    withdrawn: int
    """Halves that were not run, since one before them failed."""
    helped: int
    """Tasks that callers ran while they waited."""
    sleeps: int
    wakes: int
    workers: int
    """How many workers the pool has: fewer than `Pool.workers` only where too many are stuck to be replaced."""
    workers_lost: int
    """Workers that died, or were set aside since they did not come back."""
