"""Loans: the buffers of one interpreter that others look at, and those of others that it looks at itself.

What is written with its buffers apart travels as a *parcel* with a *manifest*, which says where the buffers lie. Each
view in it is a loan with a number: its lender keeps the view, and so the memory, until that number comes back.

**Exactly once.** Who gets a parcel off its queue is the borrower of all that is in it: the taker, the owner who takes a
half back, or the host that clears the queues of a worker that is gone. A borrower holds an `Exporter` for each loan,
which all views on that memory refer to; when it goes, its number is put on the lender's queue, and the lender's courier
is rung. So a number comes back once, whatever became of the parcel, and nobody counts anything.

**When an interpreter ends**, it tells the host, as its last act, what it has borrowed and what it has lent
(`Loans.leave`). What it borrowed is returned once it is destroyed. What it has lent stays where it is (`immortalise`),
and the host takes its queue over: it gives the memory back when the number comes (`discard`). Borrowers need not know:
who returns something puts it on the queue first, and then looks whom to ring; the host takes over a queue before it
looks what is there. A view on memory that was itself borrowed holds that loan, and the host returns both.

**When a pool ends**, no other interpreter is left. What the host has lent is free; what it has borrowed is memory of
workers that are gone, and is given back where it is dropped.
"""

from __future__ import annotations

import sys
from itertools import count as counter
from pickle import dumps, loads
from threading import RLock
from typing import TYPE_CHECKING, Any, Final

from subpool._wire.arena import SeatWord
from subpool._wire.buffers import Exporter, described, discard, immortalise
from subpool._wire.bulk import Bulky
from subpool._wire.doorbell import ring
from subpool._wire.interpreters import count, create_queue, destroy_queue, get, put
from subpool._wire.payload import landed

if TYPE_CHECKING:
    from subpool._wire.arena import Arena
    from subpool._wire.buffers import Description

__all__ = ["Loans", "heir_number", "lasting"]

Key = tuple[int, int]
"""The lender's queue, and the number of a loan there."""
LASTING: Final = 0
"""In place of a queue: what is lent for as long as there are borrowers, and never comes back."""


class Borrowed(Exporter):
    """Memory of another interpreter. It goes back when the last view on it is gone."""

    def __init__(self, loans: Loans, key: Key, seat: int, description: Description) -> None:
        self._loans = loans
        self._key = key
        self._seat = seat
        super().__init__(description)

    def __del__(self) -> None:
        self._loans.give_back(self._key, self._seat)


class Loans:
    """The loans of one interpreter's part of a pool. Any of its threads may call anything here."""

    def __init__(self, arena: Arena, seat: int) -> None:
        """Lend on behalf of this seat."""
        self.out: dict[int, memoryview[Any]] = {}
        """What was lent, by its number."""
        self.held: dict[Key, tuple[int, int, int]] = {}
        """What is borrowed: its lender's seat, its address, and its length."""
        self.heritage: dict[Key, tuple[int, int, Key | None, int]] = {}
        """What workers that are gone have lent: address, length, and the loan that it is part of, with its lender."""
        self._arena = arena
        self._seat = seat
        self._queue = 0
        self._numbers = counter(1)
        self._lock = RLock()
        self._over = False

    # -- lending ---------------------------------------------------------------------------------------------------

    def parcel(self, number: int, data: bytes) -> tuple[Any, ...]:
        """What goes on a queue for a slot's number, when the data are too long for the slot."""
        if type(data) is not Bulky:
            return number, memoryview(data)
        queue = self._own_queue() if data.views else LASTING
        first = next(self._numbers)
        for _ in data.views[1:]:
            next(self._numbers)
        self.collect()
        return number, *self._manifest(data, queue, first)

    def lasting(self, data: bytes) -> tuple[bytes, int]:
        """What goes to an interpreter that does not outlive what it borrows: see `lasting`."""
        if type(data) is not Bulky:
            return data, 0
        view, cut, *_ = self._manifest(data, LASTING, 0)
        return bytes(view), cut

    def _manifest(self, data: Bulky, queue: int, first: int) -> tuple[Any, ...]:
        entries: list[Description] = []
        for number, view in enumerate(data.views, first):
            entry = described(memoryview(view))
            assert entry is not None
            entries.append(entry)
            if queue:
                self.out[number] = view
        manifest = dumps(entries, 5)
        return memoryview(manifest + data), len(manifest), queue, self._seat, first

    def _own_queue(self) -> int:
        with self._lock:
            if not self._queue:
                self._queue = create_queue()
                self._arena.words[self._arena.seat(self._seat) + SeatWord.RETURNS] = self._queue
        return self._queue

    def collect(self) -> None:
        """Let go of what has come back."""
        if self._queue:
            self._empty(self._queue)
        if self.heritage:
            for queue in {queue for queue, _ in list(self.heritage)}:
                self._empty(queue)

    def _empty(self, queue: int) -> None:
        try:
            while True:
                self._returned((queue, get(queue)[0]))
        except RuntimeError:
            return

    def _returned(self, key: Key) -> None:
        queue, number = key
        if queue == self._queue:
            self.out.pop(number, None)
            return
        address, length, through, seat = self.heritage.pop(key, (0, 0, None, 0))
        if through is None:
            discard(address, length)
        elif not any(other[2] == through for other in list(self.heritage.values())):
            self._return(through, seat)
        if not self._over and not any(other == queue for other, _ in list(self.heritage)):
            destroy_queue(queue)

    # -- borrowing -------------------------------------------------------------------------------------------------

    def landed(self, item: tuple[Any, ...]) -> bytes:
        """Take what came on a queue: a copy of what is written, and its buffers where they are."""
        _, view, *rest = item
        data = landed(view)
        if not rest:
            return data
        cut, queue, seat, first = rest
        views = [
            self._borrow((queue, number), seat, description) for number, description in enumerate(loads(data), first)
        ]
        return Bulky.of(data[cut:], views)

    def _borrow(self, key: Key, seat: int, description: Description) -> Exporter:
        self.held[key] = seat, description[0], description[1]
        return Borrowed(self, key, seat, description)

    def give_back(self, key: Key, seat: int) -> None:
        """The last view on something borrowed is gone."""
        if self.held.pop(key, None) is not None and not sys.is_finalizing():
            self._return(key, seat)

    def _return(self, key: Key, seat: int) -> None:
        queue, number = key
        with self._lock:
            if self._over or queue == self._queue:
                self._returned(key)
                return
            put(queue, number)
        words, arena = self._arena.words, self._arena
        at = arena.seat(seat)  # after the put, which is a fence: who takes the queue over sees the number, or is rung
        heir = words[at + SeatWord.RETURNS] != queue
        ring(words[(arena.seat(0) if heir else at) + SeatWord.COURIER])

    # -- the end ---------------------------------------------------------------------------------------------------

    def leave(self) -> bytes | None:
        """This interpreter ends: what its heir has to know, if anything. Nothing is lent or given back any more."""
        self.collect()
        held, self.held = self.held, {}
        left: list[tuple[int, int, int, Key | None, int]] = []
        for number, view in self.out.items():
            description = described(memoryview(view))
            assert description is not None
            through, seat = _within(held, description[0])
            immortalise(view)
            left.append((number, *description[:2], through, seat))
        for _, _, _, through, _ in left:
            if through is not None:
                held.pop(through, None)
        return (
            dumps((self._queue, left, [(key, seat) for key, (seat, _, _) in held.items()]), 5)
            if self._queue or held
            else None
        )

    def inherit(self, seat: int, told: bytes | None) -> None:
        """The worker at this seat is gone, and has told this."""
        if told is None:
            return
        queue, left, held = loads(told)
        self.heritage.update({(queue, number): tuple(rest) for number, *rest in left})
        self._arena.words[self._arena.seat(seat) + SeatWord.RETURNS] = 0
        count(queue or self._arena.words[self._arena.seat(0) + SeatWord.CHANNEL])  # fence: see `_return`
        if queue and not left:
            destroy_queue(queue)
        for key, lender in held:
            self._return(key, lender)
        self.collect()

    def end(self) -> None:
        """No other interpreter of the pool is left."""
        with self._lock:
            self.collect()
            self._over = True
            self.out.clear()
            for queue in {self._queue, *(queue for queue, _ in self.heritage)} - {0}:
                destroy_queue(queue)
            self._queue = -1


def lasting(data: bytes, cut: int) -> bytes:
    """What came from `Loans.lasting`."""
    if not cut:
        return data
    return Bulky.of(data[cut:], [Exporter(description) for description in loads(data)])


def heir_number(seat: int) -> int:
    """What stands for a slot's number before what the worker at this seat tells its heir (`Loans.leave`)."""
    return -1 - seat


def _within(held: dict[Key, tuple[int, int, int]], address: int) -> tuple[Key | None, int]:
    """The loan that an address lies in, and its lender's seat."""
    for key, (seat, begin, length) in held.items():
        if begin <= address < begin + length:
            return key, seat
    return None, 0
