"""Seating: the seats that workers have, one after the other, and what belongs to a seat whoever has it.

A seat gets its queues and doorbells when it is first needed. It is given again only when nothing that its former worker
has published is under way: whoever runs that will write into its slots.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from subpool._schedule.seat import PHASE, TAKEN
from subpool._wire import interpreters
from subpool._wire.arena import SeatWord
from subpool._wire.doorbell import Doorbell, ring

if TYPE_CHECKING:
    from subpool._schedule.host import Host

__all__ = ["Seating"]


class Seating:
    """The workers' seats of one pool. Whoever takes or gives one holds the crew's lock."""

    def __init__(self, host: Host) -> None:
        self.host: Host = host
        self.bells: dict[int, tuple[Doorbell, Doorbell]] = {}
        """By seat, its worker's doorbell, and that of its worker's courier."""
        self._next = 1
        self._free: list[int] = []

    def take(self) -> int | None:
        """A seat that nobody has, ready for a worker."""
        for seat in self._free:
            if self._tidy_up(seat):
                self._free.remove(seat)
                return self._laid(seat)
        if self._next == self.host.layout.workers_end:
            return None
        self._next += 1
        return self._laid(self._next - 1)

    def give_back(self, seat: int) -> None:
        """The worker at this seat is gone."""
        self._free.append(seat)
        self._tidy_up(seat)

    def ring(self, seat: int) -> None:
        """Wake a worker and its courier."""
        for bell in self.bells[seat]:
            ring(bell.address)

    def clear_channels(self, seat: int) -> None:
        """Drop what stands on the queues of a seat whose worker is gone: nobody waits for it."""
        words, at = self.host.arena.words, self.host.arena.seat(seat)
        with self.host.parcel_lock:  # so that no sender's interpreter ends meanwhile
            for word in (SeatWord.CHANNEL, SeatWord.BACKLOG, SeatWord.INBOX):
                self._empty(words[at + word])

    def rescue_parcels(self) -> None:
        """Copy the large outcomes that lie in the host's inbox: their memory ends with their sender's interpreter."""
        arena, parcels = self.host.arena, self.host.parcels
        inbox = arena.words[arena.seat(0) + SeatWord.INBOX]
        while True:
            try:
                item = interpreters.get(inbox)[0]
            except RuntimeError:
                return
            parcels[item[0]] = self.host.loans.landed(item)

    def _laid(self, seat: int) -> int:
        if seat not in self.bells:
            self._furnish(seat)
        words, at = self.host.arena.words, self.host.arena.seat(seat)
        for word in (SeatWord.RETIRE, SeatWord.STAGE, SeatWord.COURIER_STAGE, SeatWord.LATE, SeatWord.ASKED):
            words[at + word] = 0
        return seat

    def _furnish(self, seat: int) -> None:
        """Not before it has a worker: every queue makes all others slower."""
        host, words, at = self.host, self.host.arena.words, self.host.arena.seat(seat)
        for word in (SeatWord.CHANNEL, SeatWord.INBOX, SeatWord.BACKLOG):
            words[at + word] = host.make_queue()
        self.bells[seat] = bells = (host.make_bell(), host.make_bell())
        words[at + SeatWord.BELL], words[at + SeatWord.COURIER] = (bell.address for bell in bells)

    def _tidy_up(self, seat: int) -> bool:
        """Forget what a worker that is gone had published; not while somebody runs it, and may write into its slots."""
        arena, layout = self.host.arena, self.host.layout
        slots = (*layout.halves(seat), *layout.jobs(seat))
        if any(arena.words[arena.cell(number)] & PHASE == TAKEN for number in slots):
            return False
        self.clear_channels(seat)
        for number in slots:
            arena.wipe(number)
        return True

    def _empty(self, queue: int) -> None:
        """Take everything off a queue, and give back what came by reference."""
        while True:
            try:
                item = interpreters.get(queue)[0]
            except RuntimeError:
                return
            if item is not None and not isinstance(item, int):
                self.host.loans.landed(item)
