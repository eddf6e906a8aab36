"""A module that no worker can import, since it needs one that does not load in a subinterpreter."""

from __future__ import annotations

import tracemalloc

from tasks import Gate

import subpool


def hold(started: Gate, release: Gate) -> int | None:
    """As `tasks.hold`; it runs outside subinterpreters only."""
    assert not tracemalloc.is_tracing()
    started.open()
    release.wait()
    return subpool.worker_index()


def add_one(x: int) -> int:
    assert not tracemalloc.is_tracing()
    return x + 1
