"""Running what came over a channel, and sending the outcome home.

Whoever got a number from a queue is its *taker*: the only one who runs it, and the only one who writes its slot until
`SlotWord.STATE` says done. Nothing here raises for what a task does: everything becomes an outcome.
"""

from __future__ import annotations

import os
from pickle import dumps
from threading import current_thread, get_ident, main_thread
from time import perf_counter_ns as clock_ns
from typing import TYPE_CHECKING, Any, Final

from subpool._schedule.interrupt import Stoppable
from subpool._schedule.refusal import refusal_in, refused_outcome, told, unbuilt
from subpool._schedule.seat import DONE, TAKEN
from subpool._wire.arena import SeatWord, SlotWord, Stat
from subpool._wire.doorbell import ring
from subpool._wire.interpreters import count, put
from subpool._wire.payload import Kind, encode_error, of_result, read, unpacked, unreadable, write
from subpool.errors import SerializationError, TaskCancelled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from subpool._schedule.seat import Seat

__all__ = ["GONE", "PARCEL", "STOP", "TIMED", "UNCLAIM", "Running", "Stoppable", "descends", "perform", "served"]

STOP: Final = 1
"""Value of `SlotWord.CANCEL`: the task should end."""
GONE: Final = 3
"""Value of `SlotWord.CANCEL`: its taker is late and was set aside. The slot is its own until it comes back."""
UNCLAIM: Final = 2
"""Value of `SlotWord.CANCEL`: its owner wants to run it; whoever has not begun leaves it alone."""
PARCEL: Final = 1 << 6
"""Bit of `SlotWord.STATE`: the outcome was too large for its place and lies in the owner's inbox."""
KIND: Final = 7
WEAK: Final = (os.uname().machine if hasattr(os, "uname") else "").lower() not in ("x86_64", "amd64", "i686", "i386")
"""Whether this machine may let another core see two stores in the other order."""
TIMED: Final = 1 << 48
"""Bit of `SlotWord.LENGTH`: the owner's courier wants to know when the task begins, for it has a deadline."""
LENGTH: Final = TIMED - 1
FUNCTIONS_KEPT: Final = 256
ATOMS: Final = frozenset((bool, complex, float, int, str, type(None)))
"""Types whose values have no parts."""
GENERATIONS: Final = 256
"""How many tasks up a scope tag is followed."""

VALUE: Final = int(Kind.VALUE)
ERROR: Final = int(Kind.ERROR)
CANCELLED: Final = int(Kind.CANCELLED)
REFUSED: Final = int(Kind.REFUSED)
UNREADABLE: Final = int(Kind.UNREADABLE)
DECLINED: Final = int(Kind.DECLINED)


class Running(Stoppable):
    """A task that came over a channel: its slot says whether it should stop."""

    __slots__ = ("cell", "words")

    def __init__(self, words: memoryview[int], cell: int) -> None:
        self.words = words
        self.cell = cell
        self.told = 0.0

    @property
    def cancelled(self) -> bool:  # type: ignore[override]
        """Whether it was asked to stop."""
        return self.words[self.cell + SlotWord.CANCEL] in (STOP, GONE)


def descends(seat: Seat, tag: int, targets: tuple[int, ...]) -> bool:
    """Whether the task with this scope tag is one of the targets, or serves one.

    Exact for whoever holds a number with that tag: its ancestors wait for it, so none of their slots is free. For
    anybody else a hint.
    """
    for _ in range(GENERATIONS):
        if tag <= 0:
            return False
        if tag - 1 in targets:
            return True
        tag = seat.words[seat.arena.header(tag - 1) + SlotWord.PARENT]
    return False


def served(seat: Seat, tag: int) -> Iterator[int]:
    """The headers of the task with this scope tag and of those that it serves: a hint, and a circle above an orphan."""
    for _ in range(GENERATIONS):
        if tag <= 0:
            return
        header = seat.arena.header(tag - 1)
        yield header
        tag = seat.words[header + SlotWord.PARENT]


def decline(seat: Seat, item: Any) -> None:
    """Send a number home unrun: it serves somebody else's scope."""
    number = item
    if type(item) is not int:
        number = item[0]
        seat.station.loans.landed(item)  # and so given back
    finish(seat, number, seat.arena.cell(number), DECLINED, b"", clock_ns())


def perform(seat: Seat, item: Any) -> None:
    """Run the task with this number, in this thread, and send its outcome home."""
    number, parcel = (item, None) if type(item) is int else (item[0], seat.station.loans.landed(item))
    words, cell = seat.words, seat.arena.cell(number)
    begun = words[cell + SlotWord.TIME] = clock_ns()
    before, seat.busy[0] = seat.busy[0], number + 1
    words[cell] = TAKEN | (seat.index << 8)
    count(seat.channel)  # fence: the owner sees TAKEN, or its wish is seen here; so with BUSY and who asks or sleeps
    kind, data = CANCELLED, b""
    try:
        kind, data = _outcome(seat, number, cell, parcel)
    except TaskCancelled:
        pass  # meant for a task beneath this one, which its own wait will tell
    finally:
        seat.busy[0] = before
        finish(seat, number, cell, kind, data, begun)


def _outcome(seat: Seat, number: int, cell: int, parcel: Any) -> tuple[int, bytes]:
    """What comes of a task that was taken."""
    wish = seat.words[cell + SlotWord.CANCEL]
    if wish:
        return CANCELLED if wish == STOP else DECLINED, b""
    if _slept_on(seat, number):
        seat.request[0] = 1  # who fell asleep before BUSY was there has not asked this seat
    try:
        try:
            function, args = _rebuilt(seat, number, parcel)
        except ImportError:
            if not seat.station.refresh_path():
                raise
            function, args = _rebuilt(seat, number, parcel)
    except BaseException as error:  # noqa: BLE001 - whatever a value's rebuilding raises, it has not begun
        return unreadable_outcome(seat, error)
    return _called(seat, cell, function, args)


def _slept_on(seat: Seat, number: int) -> bool:
    """Whether somebody sleeps until this task is done, or one that it serves."""
    return any(seat.words[header + SlotWord.WAITER] > 0 for header in served(seat, number + 1))


def unreadable_outcome(seat: Seat, error: BaseException) -> tuple[int, bytes]:
    """How a call goes home that could not be rebuilt here."""
    refused = refused_outcome(error)
    if refused is not None:
        return REFUSED, refused
    return UNREADABLE, encode_error(SerializationError(unreadable(error)))


def _rebuilt(seat: Seat, number: int, parcel: Any) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    words, arena = seat.words, seat.arena
    header = arena.header(number)
    length, split = words[header + SlotWord.LENGTH], words[header + SlotWord.FUNCTION]
    if length & TIMED:
        ring(words[arena.seat(words[header + SlotWord.OWNER]) + SeatWord.COURIER])
        length &= LENGTH
    data = parcel if parcel is not None else arena.memory[(header + 8) * 8 : (header + 8) * 8 + length]
    if not split:
        return unpacked(data), ()
    if split < 0:
        function, args = unpacked(data)
        return function, args
    return cached_function(seat, bytes(data[:split])), read(data[split:])


def cached_function(seat: Seat, data: bytes) -> Callable[..., Any]:
    """A function that was written by reference: found once per interpreter."""
    functions = seat.station.functions
    function = functions.get(data)
    if function is None:
        if len(functions) >= FUNCTIONS_KEPT:
            functions.clear()
        function = functions[data] = read(data)
    return function


def _called(seat: Seat, cell: int, function: Callable[..., Any], args: tuple[Any, ...]) -> tuple[int, bytes]:
    """Call, and write what came of it."""
    station, stats = seat.station, seat.stats
    stack = station.stacks.setdefault(get_ident(), [])
    running = Running(seat.words, cell)
    stack.append(running)
    error: BaseException | None = None
    value = None
    try:
        if running.cancelled:  # it was asked to while it was rebuilt, when its courier found nothing to interrupt
            raise TaskCancelled
        value = function(*args)
    except TaskCancelled:
        return CANCELLED, b""
    except KeyboardInterrupt as raised:
        if station.index is None and current_thread() is main_thread():
            raise  # Ctrl-C is meant for the caller that waits here, and not for what it runs meanwhile
        error = raised
    except BaseException as raised:  # noqa: BLE001 - SystemExit and KeyboardInterrupt cross like any other
        error = raised
    finally:
        stack.pop()
        station.ended()
    if error is not None:
        try:
            return outcome_of_error(seat, error, function, args)
        finally:
            del error  # else the arguments stayed until cycles are collected: its traceback holds this frame
    stats[Stat.COMPLETED] += 1
    return outcome_of_value(value)


def outcome_of_error(
    seat: Seat, error: BaseException, function: Callable[..., Any], args: tuple[Any, ...]
) -> tuple[int, bytes]:
    """How a call goes home that raised; one that only met a module that refused may still go elsewhere."""
    refused = refused_outcome(error.__cause__) if unbuilt(error) else refusal_in(error, function, args)
    if refused is not None:
        return REFUSED, refused
    seat.stats[Stat.FAILED] += 1
    return ERROR, encode_error(told(error))


def outcome_of_value(value: object, *, lend: bool = True) -> tuple[int, bytes]:
    """How a result goes home, or the complaint that it cannot; with `lend` to an interpreter of this process."""
    try:
        return VALUE, dumps(value, 5) if type(value) in ATOMS else write(value, lend=lend)
    except SerializationError as error:
        return ERROR, encode_error(of_result(error))
    except BaseException as error:  # noqa: BLE001 - such as TaskCancelled inside a reducer
        return ERROR, encode_error(error)


def finish(seat: Seat, number: int, cell: int, kind: int, data: bytes, begun: int) -> None:
    """Write the outcome into the slot, say so, and wake whoever sleeps on it. The slot is the owner's from then on."""
    words, arena = seat.words, seat.arena
    header = arena.header(number)
    begin, room = arena.outcome_room(number)
    length = len(data)
    if length > room:
        owner = arena.seat(words[header + SlotWord.OWNER])
        put(words[owner + SeatWord.INBOX], seat.station.loans.parcel(number, data))
        kind |= PARCEL >> 3
    else:
        arena.memory[begin : begin + length] = data
    words[cell + SlotWord.TIME] = begun - clock_ns()
    if WEAK:
        count(seat.channel)  # fence: the outcome before the word that announces it
    words[cell] = DONE | kind << 3 | length << 8
    count(seat.channel)  # fence: either the sleeper sees DONE, or its doorbell is seen here
    waiter = words[header + SlotWord.WAITER]
    if waiter > 0:
        ring(waiter)
    elif waiter < 0 and kind & KIND != VALUE:
        ring(-waiter)
    if kind in (DECLINED, REFUSED):
        ring(words[arena.seat(words[header + SlotWord.OWNER]) + SeatWord.COURIER])  # it has to go somewhere else
