"""Freight: jobs written into slots and batches, on their way to whoever takes them."""

from __future__ import annotations

from functools import partial
from itertools import chain
from pickle import dumps
from types import BuiltinFunctionType, FunctionType
from typing import TYPE_CHECKING, Final

from subpool._schedule.seat import READY
from subpool._schedule.taking import TIMED
from subpool._wire.arena import BATCH_ARGS, BATCH_BYTES, BatchWord, SlotWord
from subpool._wire.bulk import Bulky
from subpool._wire.interpreters import put
from subpool._wire.payload import write
from subpool.errors import SerializationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from subpool._schedule.job import Call, Job
    from subpool._schedule.seat import Seat

__all__ = ["Flight", "Freight", "key_of"]

FUNCTIONS_KEPT: Final = 256
CELL: Final = 8
PLAIN: Final = frozenset((bool, bytes, complex, float, int, str, type(None)))
"""Types whose values are the same whether they are written alone or with others."""


class Flight:
    """One published slot or batch, and its jobs that have not come home."""

    __slots__ = ("first", "ghosts", "jobs", "key", "left", "next")

    def __init__(self, first: int, key: object, jobs: list[Job | None]) -> None:
        self.first: int = first
        self.key: object = key
        self.jobs: list[Job | None] = jobs
        self.left: int = len(jobs)
        self.next: int = 0  # the first place whose job has not come home
        self.ghosts: list[int] = []  # places whose taker was set aside, and may still write there


class Freight:
    """Writes jobs for others. Its owner holds a lock around every call."""

    def __init__(self, seat: Seat, channel: int, slots: range, batches: range) -> None:
        """Write into these slots and batches (by the number of their first item), and put them on this channel."""
        self._seat = seat
        self._channel = channel
        self._slots = list(reversed(slots))
        self._batches = list(reversed(batches))
        self._written: dict[object, bytes] = {}

    @property
    def room(self) -> bool:
        """Whether a job can go out at all."""
        return bool(self._slots)

    @property
    def batch_room(self) -> bool:
        """Whether a batch can go out."""
        return bool(self._batches)

    def vacate(self, flight: Flight) -> None:
        """Its slot or batch is free again."""
        self._seat.arena.wipe(flight.first)
        (self._slots if flight.first < self._seat.arena.slots else self._batches).append(flight.first)

    def single(self, job: Job, call: Call) -> Flight | None:
        """Write one job into a slot; None if it cannot cross, and has failed for that."""
        function, args = call
        try:
            written = self._function(function)
            data, split = (write(args, lend=True), len(written)) if written else (write(call, lend=True), -1)
            if type(data) is Bulky and written:
                data, split = write(call, lend=True), -1
            elif written:
                data = written + data
        except SerializationError as error:
            job._fail(explained(call, error))
            return None
        number = self._slots.pop()
        job._item = self._seat.fill(number, data, split)
        words, header = self._seat.words, self._seat.arena.header(number)
        words[header + SlotWord.PARENT] = 0
        if job._seconds is not None:
            words[header + SlotWord.LENGTH] |= TIMED
        return Flight(number, key_of(function), [job])

    def batch(self, function: Callable[..., object], taken: list[tuple[Job, Call]]) -> tuple[Flight | None, int]:
        """Write calls of one function into a batch; the flight, and how many of them were dealt with."""
        written = self._function(function)
        split = len(written)
        if not written:
            try:
                written = write(function, lend=True)
            except SerializationError as error:
                job, call = taken[0]
                job._fail(explained(call, error))
                return None, 1
            if type(written) is Bulky:
                return None, 0
            split = -len(written)
        whole = _together(taken)
        if whole is not None and len(written) + len(whole) <= BATCH_BYTES:
            return self._loaded(function, written + whole, split, [job for job, _ in taken]), len(taken)
        places: list[int] = []
        jobs: list[Job] = []
        pieces, begin, dealt = [written], len(written), 0
        for job, call in taken:
            try:
                data = write(call[1], lend=True)
            except SerializationError as error:
                job._fail(explained(call, error))
                dealt += 1
                continue
            if begin + len(data) > BATCH_BYTES or type(data) is Bulky:
                break
            pieces.append(data)
            places.append(begin << 32 | len(data))
            jobs.append(job)
            begin += len(data)
            dealt += 1
        if not jobs:
            return None, dealt
        return self._loaded(function, b"".join(pieces), split, jobs, places), dealt

    def _loaded(
        self, function: Callable[..., object], data: bytes, split: int, jobs: list[Job], places: list[int] | None = None
    ) -> Flight:
        first = self._batches.pop()
        self._fill(first, data, split, len(jobs), places)
        jobs[0]._item = first
        return Flight(first, key_of(function), [*jobs])

    def send(self, flight: Flight) -> None:
        """Put a written flight on the channel."""
        first = flight.jobs[0]
        assert first is not None
        put(self._channel, first.__dict__.pop("_item"))

    def _fill(self, first: int, data: bytes, split: int, items: int, places: list[int] | None) -> None:
        arena = self._seat.arena
        words, header = arena.words, arena.header(first)
        words[header + BatchWord.ITEMS] = items
        words[header + BatchWord.WHOLE] = places is None
        words[header + SlotWord.WAITER] = 0
        words[header + SlotWord.PARENT] = 0
        words[header + SlotWord.OWNER] = self._seat.index
        words[header + SlotWord.LENGTH] = len(data)
        words[header + SlotWord.FUNCTION] = split
        begin = header * 8 + BATCH_ARGS
        arena.memory[begin : begin + len(data)] = data
        cell = arena.cell(first)
        for item in range(items):
            words[cell] = READY
            words[cell + SlotWord.CANCEL] = 0
            if places is not None:
                words[cell + BatchWord.PLACE] = places[item]
            cell += CELL

    def _function(self, function: Callable[..., object]) -> bytes:
        """A function's written form if it is by reference, and so may be kept on both sides; else nothing."""
        if type(function) not in (FunctionType, BuiltinFunctionType, type):
            return b""
        if type(function) is FunctionType and "<" in function.__qualname__:
            return b""  # local, or a lambda: not by reference, and its closure must not be kept
        written = self._written.get(function)
        if written is None:
            try:
                written = dumps(function, 5)
            except Exception:  # noqa: BLE001 - not importable by name
                written = b""
            if b"__main__" in written:
                written = b""
            if len(self._written) >= FUNCTIONS_KEPT:
                self._written.clear()
            self._written[function] = written
        return written


def _together(taken: list[tuple[Job, Call]]) -> bytes | None:
    """The arguments of all calls in one piece, where nobody can tell: all are of kinds that cannot be changed."""
    every = [call[1] for _, call in taken]
    return dumps(every, 5) if PLAIN.issuperset(map(type, chain.from_iterable(every))) else None


def key_of(function: Callable[..., object]) -> object:
    """What running times are remembered by: of local functions the code, since their closures must not be kept."""
    if isinstance(function, partial):
        function = function.func
    if type(function) is FunctionType and "<" in function.__qualname__:
        return function.__code__
    return function if isinstance(function, (FunctionType, BuiltinFunctionType)) else type(function)


def explained(call: Call, error: SerializationError) -> SerializationError:
    """The same complaint, naming the part of the call: `args[1]…`."""
    from subpool._wire.explain import explain_call

    return SerializationError(explain_call(call[0], call[1], error.__cause__ or error))
