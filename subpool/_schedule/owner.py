"""What an owner does about the numbers it has published: is it home, what came of it, stop it, give it up.

An owner is an interpreter; whichever of its threads waits, the slots are the interpreter's. Every wait for others has
an end: who was asked to stop and does not come back within the grace is given up by the owner (`GONE`), who then goes
on without an outcome, while the slot stays its taker's until that says `DONE`.
"""

from __future__ import annotations

from functools import partial
from threading import RLock
from time import perf_counter as clock
from typing import TYPE_CHECKING, Any

from subpool._schedule.loans import Loans
from subpool._schedule.seat import DONE, PHASE, READY, TAKEN
from subpool._schedule.taking import GONE, PARCEL, STOP
from subpool._wire.arena import Arena, SeatWord, SlotWord
from subpool._wire.doorbell import ring
from subpool._wire.interpreters import count, get
from subpool._wire.payload import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from subpool._schedule.half import Half
from subpool._schedule.seat import Seat

__all__ = ["Owner"]


class Owner:
    """One interpreter, as the owner of what its seats have published."""

    def __init__(self, arena: Arena, grace: float, seat: int) -> None:
        self.arena: Arena = arena
        self.grace: float = grace
        self.seats: list[Seat] = []
        self.parcels: dict[int, bytes] = {}
        self.parcel_lock: Any = RLock()
        self.loans: Loans = Loans(arena, seat)
        self.orphans: list[tuple[Seat, Half]] = []
        self.waiting: dict[int, Sequence[Half]] = {}
        """By its doorbell, each thread that sleeps in `wait`, and the halves that others may wait for, too."""

    # -- outcomes --------------------------------------------------------------------------------------------------

    def arrived(self, number: int) -> bool:
        """Whether the outcome of a number is there, or will not be waited for any more."""
        words, cell = self.arena.words, self.arena.cell(number)
        return words[cell] & PHASE == DONE or words[cell + SlotWord.CANCEL] == GONE

    def failed(self, number: int) -> bool:
        """Whether the outcome of a number is there, and is a failure."""
        state = self.arena.words[self.arena.cell(number)]
        return state & PHASE == DONE and (state >> 3) & 7 in (Kind.ERROR, Kind.LOST)

    def alert(self, number: int, address: int) -> None:
        """Have this doorbell rung if the task with this number fails; a thread that sleeps over it sees to that."""
        at = self.arena.header(number) + SlotWord.WAITER
        if self.arena.words[at] <= 0:
            self.arena.words[at] = -address

    def outcome(self, number: int) -> tuple[int, Any]:
        """The kind and the payload of an outcome that has arrived; the payload is a copy. The slot forgets it."""
        arena = self.arena
        count(self.seats[0].channel)  # fence: the outcome is read after the word that announced it
        state = arena.words[arena.cell(number)]
        if state & PHASE != DONE:
            return Kind.LOST, b""  # its taker does not come back
        if state & PARCEL:
            data = self.parcel(number)
        else:
            begin, _ = arena.outcome_room(number)
            data = bytes(arena.memory[begin : begin + (state >> 8)])
        arena.wipe(number)
        return (state >> 3) & 7, data

    def parcel(self, number: int) -> Any:
        """The outcome of a number that was too large for its place."""
        inbox = self.arena.words[self.arena.seat(self.seats[0].index) + SeatWord.INBOX]
        lock = self.parcel_lock
        while number not in self.parcels:
            try:
                lock.acquire()  # so that no sender's interpreter ends before its parcel is copied
                item = get(inbox)[0]
                self.parcels[item[0]] = self.loans.landed(item)
            except RuntimeError:
                continue  # another thread of this interpreter had it in its hand
            finally:
                try:
                    lock.release()
                except RuntimeError:
                    pass  # it was never acquired
        return self.parcels.pop(number)

    # -- orphans ---------------------------------------------------------------------------------------------------

    def orphan(self, seat: Seat, half: Half) -> None:
        """Nobody waits for this half any more: its slot is freed when it is done."""
        self.orphans.append((seat, half))

    def reap(self) -> None:
        """Free the slots of orphans that are done."""
        for entry in list(self.orphans):
            seat, half = entry
            if self.arena.words[self.arena.cell(half.number)] & PHASE == DONE:
                self.orphans.remove(entry)
                self.outcome(half.number)
                seat.release(half)

    # -- sleepers --------------------------------------------------------------------------------------------------

    def asleep_over(self, half: Half) -> Iterator[int]:
        """The doorbells of those who sleep over a half that several may wait for."""
        return (address for address, halves in list(self.waiting.items()) if half in halves)

    def moved(self, half: Half) -> None:
        """A half is public no more: whoever sleeps over it would sleep on over whatever has its slot next."""
        for address in self.asleep_over(half):
            ring(address)

    # -- stopping --------------------------------------------------------------------------------------------------

    def begun(self, number: int) -> bool:
        """Whether somebody runs what was published under this number."""
        return self.arena.words[self.arena.cell(number)] & PHASE == TAKEN

    def cancel(self, number: int) -> None:
        """Ask whoever runs this number to stop, and give it up when the grace is over."""
        words, cell = self.arena.words, self.arena.cell(number)
        words[cell + SlotWord.CANCEL] = STOP
        self.fence()  # either the taker sees the wish, or TAKEN is seen here
        state = words[cell]
        if state & PHASE == READY:
            self.arena.wipe_call(number)
        if state & PHASE == TAKEN:
            ring(words[self.arena.seat(state >> 8) + SeatWord.COURIER])
            overstayed = partial(self._overstayed, number, state >> 8, words[cell + SlotWord.TIME])
            self.call_at(clock() + self.grace, overstayed)

    def _overstayed(self, number: int, taker: int, begun: int) -> None:
        """The grace of a task that was asked to stop is over: if it still runs, nobody waits for it any more."""
        cell = self.arena.cell(number)
        if self.arena.words[cell] == TAKEN | taker << 8 and self.arena.words[cell + SlotWord.TIME] == begun:
            self.set_aside(taker, number)

    def give_up(self, number: int) -> None:
        """Wait for this number no longer; its slot is its taker's until that comes back."""
        self.arena.words[self.arena.cell(number) + SlotWord.CANCEL] = GONE
        self.tell(number)

    def tell(self, number: int) -> None:
        """Wake whoever sleeps on a number that was just marked."""
        self.fence()  # the mark before the look at who sleeps
        waiter = self.arena.words[self.arena.header(number) + SlotWord.WAITER]
        if waiter > 0:
            ring(waiter)

    def set_aside(self, taker: int, number: int) -> None:
        """Who runs this number does not come back: give it up, and have the worker replaced."""
        raise NotImplementedError

    def call_at(self, when: float, action: Callable[[], object]) -> None:
        """Have the courier do something at a time of the clock."""
        raise NotImplementedError

    def fence(self) -> None:
        """Order what this thread wrote on the board before what it reads there next."""
        count(self.seats[0].channel)
