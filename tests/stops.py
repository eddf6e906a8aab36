"""Stops: hold a thread between two steps of a protocol, in any interpreter. The package has no part in it.

A *point* is a line of a function, named by a piece of its text: what stands there has not happened yet.
`sys.monitoring` calls back in the thread that comes to a point, and the callback waits there until it is released, from
whichever interpreter. Other lines, and threads that come to a point where no stop is armed, go on as ever.

`rewritten` is for tests of the tests: it takes the step out that guards against a race.

Workers import this module, so it imports little.
"""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, Final

import subpool

PATIENCE: Final = 20.0
"""Seconds after which a held thread is let go. Never reached in a run that passes."""
TOOL: Final = sys.monitoring.DEBUGGER_ID
LINE: Final = sys.monitoring.events.LINE


@dataclass(frozen=True)
class Place:
    """A function, by name: each interpreter has its own."""

    module: str
    name: str

    @classmethod
    def of(cls, function: Any) -> Place:
        """The place of a function, a method, or a property's getter."""
        function = getattr(function, "fget", function)
        return cls(function.__module__, function.__qualname__)

    @property
    def function(self) -> Any:
        found: Any = import_module(self.module)
        for part in self.name.split("."):
            found = getattr(found, part)
        found = getattr(found, "fget", found)
        assert isinstance(found, FunctionType)
        return found

    @property
    def path(self) -> str:
        path: str = self.function.__code__.co_filename
        return path

    @property
    def steps(self) -> frozenset[int]:
        """The lines at which something of it begins."""
        return frozenset(line for _, _, line in self.function.__code__.co_lines() if line)

    def around(self, text: str) -> tuple[str, str]:
        """The source of its module before and after a text that stands once in the function.

        Raises:
            LookupError: it does not stand there exactly once.
        """
        lines = Path(self.path).read_text(encoding="utf-8").splitlines(keepends=True)
        start, stop = min(self.steps) - 1, max(self.steps)
        body = "".join(lines[start:stop])
        if body.count(text) != 1:
            raise LookupError(f"{text!r} is {body.count(text)} times in {self.name}, and should be there once")
        head, _, tail = body.partition(text)
        return "".join(lines[:start]) + head, tail + "".join(lines[stop:])


# Points and stops


@dataclass(frozen=True)
class Point:
    """Just before a line of a function."""

    place: Place
    line: int
    text: str


def before(function: Any, text: str) -> Point:
    """The point just before the line of a function in which this text begins.

    Raises:
        LookupError: it does not stand there exactly once, or no step of the function begins with its line.
    """
    place = Place.of(function)
    head, _ = place.around(text)
    point = Point(place, head.count("\n") + 1, text)
    if point.line not in place.steps:
        raise LookupError(f"no step of {place.name} begins in the line of {text!r}")
    return point


@dataclass(frozen=True)
class Tokens:
    """Tokens that all interpreters see: each that is given is taken once."""

    reading: int
    writing: int

    @classmethod
    def create(cls) -> Tokens:
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        return cls(reading, writing)

    def give(self) -> None:
        os.write(self.writing, b".")

    def take(self, seconds: float = 0.0) -> bool:
        """Take one, if there is one within so many seconds."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                return bool(os.read(self.reading, 1))
            except BlockingIOError:
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                select.select([self.reading], [], [], left)

    def dispose(self) -> None:
        os.close(self.reading)
        os.close(self.writing)


@dataclass(frozen=True)
class Stop:
    """Holds threads at a point: for each time that it is armed, the next one that comes there."""

    point: Point
    armed: Tokens
    reached: Tokens
    released: Tokens

    @classmethod
    def at(cls, point: Point) -> Stop:
        return cls(point, Tokens.create(), Tokens.create(), Tokens.create())

    def hold(self) -> None:
        """What a thread does that comes to the point."""
        if self.armed.take():
            self.reached.give()
            self.released.take(PATIENCE)

    def dispose(self) -> None:
        for tokens in (self.armed, self.reached, self.released):
            tokens.dispose()


# What is done in the interpreter concerned

_actions: dict[tuple[str, int], list[Callable[[], object]]] = {}


def _on_line(code: CodeType, line: int) -> None:
    for action in tuple(_actions.get((code.co_filename, line), ())):
        action()


def on_the_way(point: Point, action: Callable[[], object]) -> Callable[[], None]:
    """Have each thread of this interpreter that comes to a point do something; gives the function that ends that."""
    monitoring = sys.monitoring
    if monitoring.get_tool(TOOL) is None:
        monitoring.use_tool_id(TOOL, "stops")
        monitoring.register_callback(TOOL, LINE, _on_line)
    actions = _actions.setdefault((point.place.path, point.line), [])
    actions.append(action)
    monitoring.set_local_events(TOOL, point.place.function.__code__, LINE)

    def end() -> None:
        actions.remove(action)
        if not any(_actions.values()):
            monitoring.free_tool_id(TOOL)

    return end


def install(stops: Sequence[Stop], worker: int | None = None) -> None:
    """Have stops in this worker, or in none but the worker with this number."""
    for stop in stops:
        if worker in (None, subpool.worker_index()):
            on_the_way(stop.point, stop.hold)


def rewritten(function: Any, old: str, new: str) -> Callable[[], None]:
    """Replace a text that stands once in a function, in this interpreter; gives the function that takes that back.

    Raises:
        LookupError: it does not stand there exactly once, or lines would move.
    """
    place = Place.of(function)
    found = place.function
    head, tail = place.around(old)
    if old.count("\n") != new.count("\n"):
        raise LookupError(f"{new!r} has other lines than {old!r}")
    code = compile(head + new + tail, place.path, "exec", dont_inherit=True)
    original, found.__code__ = found.__code__, next(each for each in _within(code) if each.co_qualname == place.name)
    return partial(setattr, found, "__code__", original)


def _within(code: CodeType) -> Iterator[CodeType]:
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield inner
            yield from _within(inner)


def rewrite(place: Place, old: str, new: str) -> None:
    """Do that in the worker that runs this, for good."""
    rewritten(place.function, old, new)


def visit(arrived: Tokens, leave: Tokens, call: Callable[[], object]) -> None:
    """Do something in a worker once each has come: so each of them does it once."""
    arrived.give()
    if not leave.take(PATIENCE):
        raise AssertionError("the others did not come")
    call()


def set_global(module: str, name: str, value: object) -> None:
    """Set a global of a module, in the interpreter that runs this."""
    setattr(import_module(module), name, value)
