"""What the tests send to workers: functions and classes that a worker imports by name. Cheap to import."""

from __future__ import annotations

import contextvars
import decimal
import itertools
import logging
import os
import random
import re
import select
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, NoReturn

import subpool

PATIENCE = 20.0
"""Seconds after which a wait in a test has failed. Never reached in a run that passes."""

VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("VARIABLE", default="unset")
OTHER_VARIABLE: contextvars.ContextVar[object] = contextvars.ContextVar("OTHER_VARIABLE", default=None)

GLOBAL = "as imported"


@dataclass(frozen=True)
class Gate:
    """A door that all interpreters of the process see: shut until somebody opens it, then open for good."""

    reading: int
    writing: int
    identity: int

    @classmethod
    def create(cls) -> Gate:
        reading, writing = os.pipe()
        return cls(reading, writing, os.fstat(writing).st_ino)

    def open(self) -> None:
        """Open it, unless it is gone: a task that was cancelled may unwind after its test, and the number be reused."""
        try:
            if os.fstat(self.writing).st_ino == self.identity:
                os.write(self.writing, b".")
        except OSError:
            pass

    def is_open(self) -> bool:
        return self._opens_within(0)

    def wait(self) -> None:
        """Wait in a loop of short calls, where a task can be cancelled."""
        deadline = time.monotonic() + PATIENCE
        while not self._opens_within(0.005):
            if time.monotonic() > deadline:
                raise AssertionError("the gate stayed shut")

    def block(self, seconds: float = PATIENCE) -> None:
        """Wait in one call in C, which nothing can cancel."""
        if not self._opens_within(seconds):
            raise AssertionError("the gate stayed shut")

    def dispose(self) -> None:
        os.close(self.reading)
        os.close(self.writing)

    def _opens_within(self, seconds: float) -> bool:
        readable, _, _ = select.select([self.reading], [], [], seconds)
        return bool(readable)


# What runs where


def where() -> int | None:
    return subpool.worker_index()


def where_with_thread() -> tuple[int | None, int]:
    return subpool.worker_index(), threading.get_ident()


def note(fd: int, text: str) -> None:
    """Write one line into a journal, which every interpreter can reach by its descriptor."""
    os.write(fd, f"{text}\n".encode())


def note_where(fd: int, name: str) -> None:
    note(fd, f"{name} {subpool.worker_index()}")


# Plain work


def identity[T](value: T) -> T:
    return value


def pair[A, B](first: A, second: B) -> tuple[A, B]:
    return first, second


def add(a: int, b: int) -> int:
    return a + b


def keywords(*args: int, scale: int = 1) -> int:
    return sum(args) * scale


def zero() -> int:
    return 0


def one() -> int:
    return 1


def text() -> str:
    return "text"


def count_to(n: int) -> int:
    total = 0
    for value in range(n):
        total += value
    return total


def fib(n: int) -> int:
    if n < 2:
        return n
    a, b = subpool.join(partial(fib, n - 1), partial(fib, n - 2))
    return a + b


def fib_all(n: int) -> int:
    if n < 2:
        return n
    return sum(subpool.join_all([partial(fib_all, n - 1), partial(fib_all, n - 2)]))


def fib_scope(n: int) -> int:
    if n < 2:
        return n
    with subpool.scope() as s:
        a = s.spawn(fib_scope, n - 1)
        b = s.spawn(fib_scope, n - 2)
    return a.result() + b.result()


def fib_spawn(n: int) -> int:
    if n < 2:
        return n
    a = subpool.spawn(fib_spawn, n - 1)
    b = fib_spawn(n - 2)
    return a.join() + b


def sequential_fib(n: int) -> int:
    return n if n < 2 else sequential_fib(n - 1) + sequential_fib(n - 2)


def deep_first(n: int) -> int:
    return 0 if n == 0 else 1 + subpool.join(partial(deep_first, n - 1), zero)[0]


def deep_second(n: int) -> int:
    return 0 if n == 0 else 1 + subpool.join(zero, partial(deep_second, n - 1))[1]


def recurse_for_ever() -> int:
    return 1 + recurse_for_ever()


class Account:
    """Something with methods and state."""

    def __init__(self, balance: int) -> None:
        self.balance = balance

    def deposit(self, amount: int = 1) -> int:
        self.balance += amount
        return self.balance

    def current(self) -> int:
        return self.balance

    @classmethod
    def empty(cls) -> Account:
        return cls(0)

    @staticmethod
    def currency() -> str:
        return "EUR"

    def __call__(self) -> int:
        return -self.balance


def append_to(items: list[int], value: int) -> list[int]:
    items.append(value)
    return items


# Steering: who starts when


def hold(started: Gate, release: Gate) -> int | None:
    """Occupy whoever runs this until the gate opens."""
    started.open()
    release.wait()
    return subpool.worker_index()


def hold_in_c(started: Gate, release: Gate) -> int | None:
    started.open()
    release.block()
    return subpool.worker_index()


def announce[T](started: Gate, then: Callable[[], T]) -> T:
    started.open()
    return then()


def after[T](gate: Gate, then: Callable[[], T]) -> T:
    gate.wait()
    return then()


def announce_and_wait[T](started: Gate, gate: Gate, then: Callable[[], T]) -> T:
    started.open()
    gate.wait()
    return then()


def spin_until_stopped(started: Gate, unwound: Gate) -> NoReturn:
    """Run for ever; open `unwound` when something stops it."""
    try:
        started.open()
        for _ in itertools.count():
            identity(None)
        raise AssertionError("unreachable")
    finally:
        unwound.open()


def spin_tightly(started: Gate, unwound: Gate) -> NoReturn:
    """Run for ever in a loop of a single instruction, which jumps to itself."""
    try:
        started.open()
        while True:
            pass
    finally:
        unwound.open()


def spin_and_swallow(started: Gate, asked: Gate) -> str:
    """Swallow the request to stop, and return something all the same."""
    try:
        started.open()
        for _ in itertools.count():
            identity(None)
    except subpool.TaskCancelled:
        if subpool.cancelled():
            asked.open()
    return "whatever"


def spin_under_except_exception(started: Gate, unwound: Gate) -> None:
    while True:
        try:
            spin_until_stopped(started, unwound)
        except Exception:  # noqa: BLE001 - that it is not enough is the point
            continue


def fork_spinners(first: tuple[Gate, Gate], second: tuple[Gate, Gate]) -> None:
    subpool.join(partial(spin_until_stopped, *first), partial(spin_until_stopped, *second))


def recurse_until_stopped(started: Gate, unwound: Gate) -> None:
    """Call for ever, with no loop of its own that is long."""
    started.open()
    try:
        while True:
            sequential_fib(12)
    finally:
        unwound.open()


def ask_until_cancelled() -> bool:
    return subpool.cancelled()


# Failing


class Refusal(Exception):  # noqa: N818 - the tests read better
    """An exception of the user's own, with state."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message, code)
        self.code = code


class Unreplayable(Exception):  # noqa: N818
    """Its `args` are not what its `__init__` wants."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} and {second}")


class HoldsLock(Exception):  # noqa: N818
    """It cannot be pickled."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.lock = threading.Lock()


class Rebellion(BaseException):
    """Not an Exception."""


def fail(kind: type[BaseException] = ValueError, message: str = "on purpose") -> NoReturn:
    raise kind(message)


def refuse(code: int) -> NoReturn:
    raise Refusal("refused", code)


def fail_unreplayably() -> NoReturn:
    raise Unreplayable("this", "that")


def fail_holding_a_lock() -> NoReturn:
    raise HoldsLock("cannot be pickled")


def fail_with_local_class() -> NoReturn:
    class Local(ValueError):  # noqa: N818
        pass

    raise Local("nobody can import me")


def fail_with_cause() -> NoReturn:
    try:
        raise KeyError("the root")
    except KeyError as error:
        raise ValueError("the leaf") from error


def fail_with_note() -> NoReturn:
    error = ValueError("with a note")
    error.add_note("remember this")
    raise error


def fail_with_group() -> NoReturn:
    raise ExceptionGroup("several", [ValueError("one"), KeyError("two")])


def leave(code: object) -> NoReturn:
    sys.exit(code)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


def fail_and_note(fd: int, name: str, kind: type[BaseException] = ValueError) -> NoReturn:
    note(fd, name)
    raise kind(name)


def catastrophic_regex(length: int) -> object:
    """Minutes in C without a look at anything."""
    return re.match(r"(a|aa)+$", "a" * length + "b")


# Values that travel badly


class Holder:
    """Holds what cannot cross."""

    def __init__(self, stream: object) -> None:
        self.stream = stream


class ExplodesWhenRebuilt:
    """Can be written, not read."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[Any, ...]]:
        return explode, (os.getpid(),)


class RefusesWorkers:
    """Can be written, but is rebuilt in the host only."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[Any, ...]]:
        return rebuild_in_host, ()


def explode(_: int) -> NoReturn:
    raise RuntimeError("exploded while being rebuilt")


def rebuild_in_host() -> RefusesWorkers:
    if subpool.worker_index() is not None:
        raise RuntimeError("no home in a worker")
    return RefusesWorkers()


def make_lock() -> object:
    return {"a": [1, threading.Lock()]}


def make_exploding() -> ExplodesWhenRebuilt:
    return ExplodesWhenRebuilt()


def make_generator() -> Iterator[int]:
    return (value for value in range(3))


# State that does or does not cross


def read_global() -> str:
    return GLOBAL


def read_variables() -> tuple[str, object]:
    return VARIABLE.get(), OTHER_VARIABLE.get()


def read_random() -> float:
    return random.random()


def one_third() -> str:
    return str(decimal.Decimal(1) / decimal.Decimal(3))


def fork_thirds() -> tuple[str, str]:
    return subpool.join(one_third, one_third)


def is_imported(module: str) -> bool:
    return module in sys.modules


_serial = itertools.count(1)


def serial_in_this_interpreter() -> int:
    """1, 2, 3, … in each interpreter anew."""
    return next(_serial)


_initialised: list[object] = []


def initialise(*args: object) -> None:
    _initialised.append(args)


def initialisations() -> list[object]:
    return _initialised


def fail_to_initialise() -> NoReturn:
    raise LookupError("the initializer failed")


# Output


def say(*values: object) -> None:
    print(*values)


def chatter(name: str, lines: int, width: int) -> None:
    for _ in range(lines):
        print(name * width)


def log(level: int, message: str, *args: object) -> None:
    logging.getLogger("tests.tasks").log(level, message, *args)


def log_failure() -> None:
    try:
        fail(ValueError, "logged")
    except ValueError:
        logging.getLogger("tests.tasks").exception("it failed")


def warn(message: str) -> None:
    warnings.warn(message, UserWarning, stacklevel=1)


# Trees of joins, for a comparison with the sequential program

type Tree = int | str | tuple[Tree, ...]
"""An int is a leaf that returns it, a string a leaf that fails with it, a tuple a fork."""


def forked(tree: Tree) -> object:
    if isinstance(tree, tuple):
        return subpool.join(*(partial(forked, branch) for branch in tree))
    return leaf(tree)


def forked_all(tree: Tree) -> object:
    if isinstance(tree, tuple):
        return tuple(subpool.join_all(partial(forked_all, branch) for branch in tree))
    return leaf(tree)


def sequential(tree: Tree) -> object:
    if isinstance(tree, tuple):
        return tuple(sequential(branch) for branch in tree)
    return leaf(tree)


def leaf(value: int | str) -> int:
    if isinstance(value, str):
        raise Refusal(value, 0)
    return value


def forked_noting(fd: int, tree: Tree) -> object:
    if isinstance(tree, tuple):
        return subpool.join(*(partial(forked_noting, fd, branch) for branch in tree))
    note(fd, str(tree))
    return leaf(tree)


# Parts of single tests


def where_and_first_half() -> tuple[tuple[int | None, int], tuple[int | None, int]]:
    return where_with_thread(), subpool.join(where_with_thread, zero)[0]


def spawn_from_here(count: int) -> int:
    return sum(task.join() for task in [subpool.spawn(identity, number) for number in range(count)])


def rest_and_note(fd: int) -> None:
    time.sleep(0.005)
    note(fd, "background")


def fail_together(mine: Gate, other: Gate, kind: type[BaseException]) -> None:
    mine.open()
    other.block()
    fail(kind)


def scope_of_its_own(started: Gate, unwound: Gate) -> None:
    with subpool.scope() as s:
        s.spawn(spin_until_stopped, started, unwound)


# The scheduling scenario


def scenario_note(fd: int, name: str, begin: float) -> None:
    note(fd, f"{name} {subpool.worker_index()} {time.monotonic() - begin:.4f}")


def scenario_c(fd: int, begin: float, let_go: Callable[[], object], rest: Callable[[], object]) -> None:
    let_go()
    rest()
    scenario_note(fd, "C", begin)


def scenario_d(fd: int, begin: float, rest: Callable[[], object]) -> None:
    scenario_note(fd, "D", begin)
    subpool.join(partial(scenario_e, fd, begin, rest), partial(scenario_note, fd, "F", begin))


def scenario_e(fd: int, begin: float, rest: Callable[[], object]) -> None:
    rest()
    scenario_note(fd, "E", begin)


def scenario_b(fd: int, begin: float, rest: Callable[[], object]) -> None:
    scenario_note(fd, "B", begin)
    rest()


def gated_scenario_d(fd: int, d_runs: Gate, f_ran: Gate) -> None:
    d_runs.open()
    scenario_note(fd, "D", 0)
    subpool.join(partial(scenario_e, fd, 0, f_ran.wait), partial(gated_scenario_f, fd, f_ran))


def gated_scenario_f(fd: int, f_ran: Gate) -> None:
    scenario_note(fd, "F", 0)
    f_ran.open()


def end_my_worker() -> str:
    """Return, and have the worker that runs this fail in its own loop afterwards."""
    from subpool._schedule import worker

    def fail_to_look() -> bool:
        raise RuntimeError("this worker ends here")

    assert worker.station is not None
    worker.station._foreground = fail_to_look  # type: ignore[method-assign]
    return "last words"


def end_my_worker_now() -> None:
    """Have the worker that runs this fail before it can send the outcome home."""
    from subpool._schedule import taking

    def fail_to_finish(*_: object) -> None:
        raise RuntimeError("this worker ends here")

    taking.finish = fail_to_finish  # type: ignore[assignment]
