"""What the tests of stuck workers send to them. The gates stand for C code that answers to nothing but them."""

from __future__ import annotations

import operator
import os
import select
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import tasks
from tasks import Gate

import subpool


def be_stuck(started: Gate, release: Gate) -> int | None:
    """Be stuck in C as soon as `started` opens: no byte-code runs between the two, in which a task could be stopped."""
    opening: Callable[[], object] = partial(os.write, started.writing, b".")
    blocking: Callable[[], object] = partial(select.select, [release.reading], [], [], tasks.PATIENCE)
    calls: list[Callable[[], object]] = [opening, blocking]
    list(map(operator.call, calls))
    return subpool.worker_index()


def block_if(gate: Gate | None, started: Gate | None) -> int | None:
    """Return at once, or be stuck in C until the gate opens."""
    if gate is not None and started is not None:
        be_stuck(started, gate)
    return subpool.worker_index()


def join_with_stuck_half(ready: Gate, started: Gate, release: Gate) -> None:
    """Be in a join whose other half is stuck elsewhere."""

    def first() -> None:
        started.wait()
        ready.open()

    subpool.join(first, partial(be_stuck, started, release))


def scope_with_stuck_task(ready: Gate, started: Gate, release: Gate) -> None:
    """The same, in a scope."""
    with subpool.scope() as s:
        s.spawn(be_stuck, started, release)
        started.wait()
        ready.open()


def join_with_stuck_first(started: Gate, release: Gate, other: Gate, unwound: Gate) -> None:
    """Be stuck oneself, while the other half runs elsewhere for ever."""

    def first() -> None:
        other.wait()
        be_stuck(started, release)

    subpool.join(first, partial(tasks.spin_until_stopped, other, unwound))


def wait_for_another(begun: Gate, unwound: Gate, started: Gate, release: Gate) -> None:
    """Wait for a background task that is stuck."""
    inner = subpool.spawn(be_stuck, started, release)
    begun.open()
    try:
        started.wait()
        inner.result()
    finally:
        unwound.open()


def block_once(started: Gate, release: Gate, turn: Gate) -> None:
    """Be stuck the first time this runs, wherever that is: whoever reads what `turn` was opened with."""
    os.set_blocking(turn.reading, False)
    try:
        os.read(turn.reading, 1)
    except BlockingIOError:
        return
    be_stuck(started, release)


def die_in_a_batch(die: bool) -> int | None:
    """End the worker that runs this before it can send the outcome home."""
    if die:
        from subpool._schedule import batch, taking

        def fail_to_write(_: object) -> None:
            raise RuntimeError("this worker ends here")

        modules: list[Any] = [batch, taking]
        for module in modules:
            module.outcome_of_value = fail_to_write
    return subpool.worker_index()


def hang_for_good() -> None:
    """Hold the GIL in C for minutes."""
    tasks.catastrophic_regex(60)


def announce_and_hang(started: Gate) -> None:
    started.open()
    hang_for_good()


def announce_and_sleep(started: Gate) -> None:
    started.open()
    time.sleep(60)


def run_in_each(pools: list[subpool.Pool], function: Callable[[Gate], object]) -> None:
    """Have each of these pools run a function; return when all have begun."""
    for pool in pools:
        started = Gate.create()
        pool.spawn(function, started)
        started.wait()


def spawn_and_be_stuck(fd: int, started: Gate, release: Gate) -> None:
    """Hand some background work over, and be stuck before anybody has done it."""
    for number in range(5):
        subpool.spawn(tasks.note, fd, str(number))
    be_stuck(started, release)


def start_a_thread(started: Gate, release: Gate) -> int | None:
    """Leave a thread behind that goes on until the gate opens."""
    threading.Thread(target=be_stuck, args=(started, release)).start()
    started.wait()
    return subpool.worker_index()


def refuse_to_stop(started: Gate) -> None:
    """Run Python code for ever, whatever is raised in it."""
    while True:
        try:
            started.open()
            while True:
                tasks.identity(None)
        except BaseException:  # noqa: BLE001 - that is the point
            continue


def be_stuck_with(_: object, started: Gate, release: Gate) -> int | None:
    return be_stuck(started, release)
