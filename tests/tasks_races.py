"""What the tests of races send to workers."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial

from tasks import Gate, note_where

import subpool
from subpool._schedule import worker


def station() -> worker.WorkerStation:
    """The station of the worker that runs this."""
    assert worker.station is not None
    return worker.station


def assume_cores(cores: int) -> None:
    """Have this worker believe that the machine has so many cores."""
    station().settings.cores = cores


def fork(go: Gate, pushed: Gate, leave: Gate, fd: int, name: str) -> None:
    """Join, once a gate opens, and note where the second half runs; the first one waits for a gate, too."""

    def first() -> None:
        pushed.open()
        leave.wait()

    go.wait()
    subpool.join(first, partial(note_where, fd, name))


def join_and_unwind(first: Callable[[], object], second: Callable[[], object], unwound: Gate) -> None:
    """Join, and open a gate however that ends."""
    try:
        subpool.join(first, second)
    finally:
        unwound.open()


def hold_and_unwind(started: Gate, leave: Gate, unwound: Gate) -> None:
    """Wait for a gate, and open another however that ends."""
    try:
        started.open()
        leave.wait()
    finally:
        unwound.open()


def item(fd: int, name: str, started: Gate, leave: Gate) -> None:
    """Short, but for those items of a batch whose gate is shut."""
    started.open()
    leave.wait()
    note_where(fd, name)


def count_until(started: Gate, leave: Gate) -> str:
    """Run code of the user's own, with loops and calls, until a gate opens."""
    started.open()
    while not leave.is_open():
        sum(1 for _ in range(100))
    return "whole"


def monitored() -> bool:
    """Whether this interpreter pays for events that interrupt tasks."""
    return any(sys.monitoring.get_tool(tool) == "subpool" and sys.monitoring.get_events(tool) for tool in range(6))
