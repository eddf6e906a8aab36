"""Running a batch: short calls of one function, taken with one `get`, each with a claim and an outcome of its own."""

from __future__ import annotations

from time import perf_counter_ns as clock_ns
from typing import TYPE_CHECKING, Any, Final

from subpool._schedule.seat import DONE, TAKEN
from subpool._schedule.taking import (
    CANCELLED,
    DECLINED,
    REFUSED,
    STOP,
    WEAK,
    Running,
    cached_function,
    finish,
    outcome_of_error,
    outcome_of_value,
    unreadable_outcome,
)
from subpool._wire.arena import BATCH_ARGS, CELL_BYTES, BatchWord, SlotWord, Stat
from subpool._wire.doorbell import ring
from subpool._wire.interpreters import count
from subpool._wire.payload import read
from subpool.errors import TaskCancelled

if TYPE_CHECKING:
    from subpool._schedule.seat import Seat

__all__ = ["perform_batch"]

CELL: Final = 8
PLACE: Final = BatchWord.PLACE
WHOLE: Final = BatchWord.WHOLE
LONG: Final = 1_000_000
"""Nanoseconds after which a worker leaves the rest of a batch to others: it was taken for shorter than it is."""


def perform_batch(seat: Seat, first: int, stack: list[Any]) -> int:
    """Run the items of the batch whose first item has this number; how many were run.

    What foreground work waits for goes first: once there is some, or the batch takes long, the rest goes home unrun.
    """
    words, arena = seat.words, seat.arena
    memory, channel, public = arena.memory, seat.channel, arena.public
    header, cell = arena.header(first), arena.cell(first)
    base, split = header * 8 + BATCH_ARGS, words[header + SlotWord.FUNCTION]
    name = bytes(memory[base : base + split]) if split > 0 else b""
    whole = read(memory[base + abs(split) : base + words[header + SlotWord.LENGTH]]) if words[header + WHOLE] else None
    seen = public.tobytes()
    running = Running(words, cell)
    begun = opened = clock_ns()
    ran = 0
    function: Any = None
    stack.append(running)
    for number in range(first, first + words[header + BatchWord.ITEMS]):
        running.cell, running.told = cell, 0.0  # before TAKEN: who sees that, has the courier look for it
        words[cell + SlotWord.TIME] = begun
        seat.busy[0] = number + 1  # before the fence: who asks sees it, or has set the request word
        words[cell] = TAKEN | (seat.index << 8)
        count(channel)  # fence: either the owner sees TAKEN, or its wish is seen here
        wish = words[cell + SlotWord.CANCEL]
        if wish or begun - opened > LONG or public.tobytes() != seen:
            finish(seat, number, cell, CANCELLED if wish == STOP else DECLINED, b"", begun)
            cell += CELL
            continue
        ran += 1
        kind, data = CANCELLED, b""
        try:
            try:
                if whole is None:
                    place = words[cell + PLACE]
                    begin = base + (place >> 32)
                    args = read(memory[begin : begin + (place & 0xFFFFFFFF)])
                else:
                    args = whole[number - first]
                if function is None:  # one that is written by value is rebuilt once, too
                    function = cached_function(seat, name) if name else read(memory[base : base - split])
            except BaseException as error:  # noqa: BLE001 - whatever a value's rebuilding raises, it has not begun
                kind, data = unreadable_outcome(seat, error)
            else:
                try:
                    value = function(*args)
                except TaskCancelled:
                    pass
                except BaseException as error:  # noqa: BLE001 - SystemExit and the like cross like any other
                    kind, data = outcome_of_error(seat, error, function, args)
                else:
                    seat.stats[Stat.COMPLETED] += 1
                    kind, data = outcome_of_value(value)
        except TaskCancelled:
            pass  # it came while the outcome was written
        ended = clock_ns()
        length = len(data)
        if length > CELL_BYTES or kind == REFUSED:
            finish(seat, number, cell, kind, data, begun)
        else:
            memory[(cell + 3) * 8 : (cell + 3) * 8 + length] = data
            words[cell + SlotWord.TIME] = begun - ended
            if WEAK:
                count(channel)  # fence: the outcome before the word that announces it
            words[cell] = DONE | kind << 3 | length << 8
            waiter = words[header + SlotWord.WAITER]
            if waiter > 0:
                ring(waiter)
        begun = ended
        cell += CELL
    stack.pop()
    count(channel)  # fence: either the sleeper sees the last outcome, or its doorbell is seen here
    waiter = words[header + SlotWord.WAITER]
    if waiter > 0:
        ring(waiter)
    seat.busy[0] = 0
    seat.station.ended()
    return ran
