"""What the tests of refusals send to workers: functions that need modules which no subinterpreter loads."""

# pyright: reportUnusedImport=false

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, NoReturn, Self

import tasks

import subpool

LOADED: list[str] = []
"""What `initialise` has noted in this interpreter."""

Place = tuple[int | None, int, int]
"""A worker's number, a process, a thread."""


@dataclass(frozen=True)
class NamedGate(tasks.Gate):
    """A gate that other processes see, too: a pipe with a name."""

    path: str

    @classmethod
    def create(cls, path: str = "") -> Self:
        os.mkfifo(path)
        held = os.open(path, os.O_RDWR)
        return cls(held, held, os.fstat(held).st_ino, path)

    def open(self) -> None:
        fd = os.open(self.path, os.O_RDWR)
        os.write(fd, b".")
        os.close(fd)

    def dispose(self) -> None:
        os.close(self.reading)

    def _opens_within(self, seconds: float) -> bool:
        fd = os.open(self.path, os.O_RDWR)
        readable, _, _ = select.select([fd], [], [], seconds)
        os.close(fd)
        return bool(readable)


def place() -> Place:
    return subpool.worker_index(), os.getpid(), threading.get_ident()


def opening() -> Place:
    import tracemalloc  # noqa: F401

    return place()


def opening_after_words(text: str) -> tuple[str, Place]:
    """A docstring is no statement."""
    import os.path as path  # noqa: I001

    from json import dumps as _dumps, loads

    from tracemalloc import Snapshot

    return loads(_dumps(path.join(text, Snapshot.__name__))), place()


def opening_late(fd: int) -> Place:
    tasks.note(fd, "begun")
    import tracemalloc  # noqa: F401

    return place()


def opening_guarded(fd: int) -> Place:
    try:
        import tracemalloc  # noqa: F401
    finally:
        tasks.note(fd, "begun")
    return place()


def opening_with_choice(fd: int) -> str:
    tasks.note(fd, "begun")
    try:
        import tracemalloc
    except ImportError:
        return "without"
    return tracemalloc.__name__


def opening_misfortune(fd: int) -> Place:
    tasks.note(fd, "begun")
    try:
        import tracemalloc  # noqa: F401
    except ImportError:
        raise KeyError("none of the import's business") from None
    return place()


def import_by_name(name: str) -> Place:
    import_module(name)
    return place()


def through_a_module() -> Place:
    import refusing_noted  # noqa: F401

    return place()


def twice_through_modules() -> Place:
    import refusing_twin  # noqa: F401

    return place()


class Methods:
    def opening(self) -> Place:
        import tracemalloc  # noqa: F401

        return place()

    def __call__(self) -> Place:
        import tracemalloc  # noqa: F401

        return place()

    @subpool.needs_host
    def hosted(self) -> tuple[Place, None]:
        return place(), None


def opening_and(started: tasks.Gate, release: tasks.Gate) -> Place:
    import tracemalloc  # noqa: F401

    started.open()
    release.wait()
    return place()


def opening_meeting(mine: tasks.Gate, yours: tasks.Gate) -> Place:
    """Returns only if somebody opens the other gate while this runs."""
    import tracemalloc  # noqa: F401

    mine.open()
    yours.wait()
    return place()


def opening_spinning(started: tasks.Gate, unwound: tasks.Gate) -> NoReturn:
    import tracemalloc  # noqa: F401

    tasks.spin_until_stopped(started, unwound)


def opening_stuck(started: NamedGate, release: NamedGate) -> None:
    """From the moment the first gate opens, there is no place where it could be stopped."""
    import tracemalloc  # noqa: F401

    writing, reading = (os.open(gate.path, os.O_RDWR) for gate in (started, release))
    os.write(writing, b".")
    select.select([reading], [], [], tasks.PATIENCE)


def opening_refuse(code: int) -> NoReturn:
    import tracemalloc  # noqa: F401

    tasks.refuse(code)


def opening_exit() -> NoReturn:
    import tracemalloc  # noqa: F401

    os._exit(3)


def opening_identity[T](value: T) -> T:
    import tracemalloc  # noqa: F401

    return value


def opening_add_one(number: int) -> int:
    import tracemalloc  # noqa: F401

    return number + 1


def opening_lambda() -> Callable[[], int]:
    import tracemalloc  # noqa: F401

    return lambda: 42


def opening_file() -> object:
    import tracemalloc  # noqa: F401

    return open(os.devnull)


def opening_fork() -> list[Place]:
    import tracemalloc  # noqa: F401

    return subpool.join_all([place, place])


def opening_asking(started: tasks.Gate, asked: tasks.Gate | None = None) -> None:
    import tracemalloc  # noqa: F401

    started.open()
    while not subpool.cancelled():
        pass
    if asked:
        asked.open()


def spawning_opening() -> Any:
    return subpool.spawn(opening).result(tasks.PATIENCE)


@subpool.needs_host
def hosted(*args: Any) -> tuple[Place, tuple[Any, ...]]:
    return place(), args


def initialise(text: str) -> None:
    LOADED.append(text)


def initialised() -> list[str]:
    import tracemalloc  # noqa: F401

    return LOADED


def package(name: str) -> tuple[str, Place]:
    import_module(name)
    return name, place()


def numpy_sum(values: list[float]) -> tuple[float, Place]:
    import numpy  # type: ignore[import-not-found, unused-ignore] # noqa: ICN001

    np: Any = numpy
    return float(np.array(values).sum()), place()
