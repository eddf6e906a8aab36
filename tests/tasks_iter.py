"""What the tests of parallel iterators send to workers. Cheap to import."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import tasks

import subpool


def double(x: int) -> int:
    return 2 * x


def add_one(x: int) -> int:
    return x + 1


def is_even(x: int) -> bool:
    return x % 2 == 0


def halved(x: int) -> int | None:
    return None if x % 2 else x // 2


def repeated(x: int) -> list[int]:
    return [x] * (x % 3)


def negate(x: Any) -> Any:
    return -x


def add(x: Any, y: Any) -> Any:
    return x + y


def where(_: object) -> int | None:
    """Where it is called."""
    return subpool.worker_index()


def noted(fd: int, x: Any) -> Any:
    """Note that this item was seen, wherever that is, and pass it on."""
    tasks.note(fd, str(x))
    return x


def failing_at(bad: frozenset[int], x: int) -> int:
    """Raise for some items."""
    if x in bad:
        raise ValueError(f"item {x}")
    return x


def slowly(seconds: float, x: Any) -> Any:
    """Take a while, in a loop where a task can be stopped."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass
    return x


def waiting_at(gate: tasks.Gate, held: Any, x: Any) -> Any:
    """Stand at a gate with one of the items."""
    if x == held:
        gate.wait()
    return x


def opening_at(gate: tasks.Gate, opener: Any, x: Any) -> Any:
    """Open a gate with one of the items."""
    if x == opener:
        gate.open()
    return x


def elsewhere(gate: tasks.Gate, x: Any) -> tuple[Any, int | None]:
    """Open the gate in a worker; in the caller, wait until that has happened."""
    if subpool.worker_index() is None:
        gate.wait()
    else:
        gate.open()
    return x, subpool.worker_index()


def stop_iteration(bad: int, x: int) -> int:
    if x == bad:
        raise StopIteration
    return x


def inner_sum(n: int) -> int:
    """A pipeline inside a pipeline."""
    return int(subpool.par_iter(range(n)).map(double).sum())


def state_of(made: list[int], x: int) -> tuple[int, int]:
    """Which state an item met: its creation is numbered by the descriptor's offset of a shared file."""
    return made[0], x


def made_at(fd: int) -> list[int]:
    tasks.note(fd, f"made {subpool.worker_index()}")
    return [os.getpid()]


@dataclass(frozen=True)
class Price:
    """A value with an addition of its own."""

    cents: int

    def __add__(self, other: Price) -> Price:
        return Price(self.cents + other.cents)

    def __radd__(self, other: int) -> Price:
        return self if other == 0 else NotImplemented


def refuses_to_cross(x: int) -> Any:
    """A result that cannot be written."""
    return (item for item in (x,))


def only_here(lock: Any) -> Callable[[int], int]:
    """A function that cannot be written, since it holds a lock."""
    return partial(_with, lock)


def _with(lock: Any, x: int) -> int:
    with lock:
        return x + 1


def reverse_in_place(chunk: memoryview) -> None:
    chunk[:] = bytes(reversed(chunk))


def number_in_place(pair: tuple[int, memoryview]) -> None:
    number, chunk = pair
    chunk[:] = bytes([number % 256]) * len(chunk)
