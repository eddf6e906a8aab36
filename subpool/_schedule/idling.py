"""Idling: what a worker does that has nothing to do, and how others learn that they may give it something.

It looks around for some 50 us, then naps on its doorbell for a beat at a time, asking the busy seats for work once per
beat; after 20 ms without any answer it leaves its requests standing and sleeps until it is rung. The thief is the
clock: what it stole was short, so its beat doubles, up to 4 ms; it was worth it, so the beat is 100 us again.
"""

from __future__ import annotations

from time import perf_counter as clock
from typing import TYPE_CHECKING, Final

from subpool._schedule.station import ASLEEP, NAPPING, SEEKING
from subpool._wire.arena import SeatWord, Stat
from subpool._wire.doorbell import ring
from subpool._wire.interpreters import count

if TYPE_CHECKING:
    from subpool._schedule.worker import WorkerStation

__all__ = ["Idling"]

BEAT: Final = 100
"""Microseconds between an idle worker's requests, at first."""
BEAT_MOST: Final = 4000
TINY: Final = 60e-6
"""Seconds: stealing what runs shorter than this did not pay."""
DEEP: Final = 0.020
"""Seconds without an answer after which a worker sleeps for good."""
RING_GAP: Final = 0.005
"""Seconds between the rings that wake couriers of busy seats."""
SPIN_MOST: Final = 6
"""How many times its idle spin a worker looks around that is rung again and again: waking costs more than that."""


class Idling:
    """The idle side of one worker."""

    def __init__(self, station: WorkerStation) -> None:
        self.station: WorkerStation = station
        self.woken: bool = False
        """Whether it was rung, and has found nothing since."""
        self.slept: bool = False
        """Whether it was seen asleep, perhaps, since it had something to do."""
        self.quiet_since: float = 0.0
        """When it had something to do last."""
        self.answered: float = 0.0
        """When it had something to do last, or a request was answered."""
        self._asked = self._rang = 0.0
        self._asked_before = self._ring_due = False
        self._spin = station.settings.idle_spin

    def begin(self) -> None:
        """The worker is there, and may be asked to work from now on."""
        self.quiet_since = self.answered = self._asked = self._rang = clock()

    # -- the clock -------------------------------------------------------------------------------------------------

    def warm_up(self) -> None:
        """See to it that the pool has a beat."""
        beat = self.station.arena.beat
        beat[0] = beat[0] or BEAT

    def measure(self, begun: float) -> None:
        """Adapt the beat to whether the last theft paid."""
        beat = self.station.arena.beat
        beat[0] = min(beat[0] * 2, BEAT_MOST) if clock() - begun < TINY else BEAT

    def seek(self, now: float) -> None:
        """Ask once per beat, look around for a while, then nap.

        At most as many ask as there are cores beside the caller's: the others sleep until they are rung. Whoever asks
        is the clock for them; when it gets work, it asks once more on their behalf (`hand_over`).
        """
        station = self.station
        beat = station.arena.beat
        if self.woken:
            self.woken = False
            beat[0] = min(beat[0] * 2, BEAT_MOST)  # an answer, but gone before it could be taken: too short
        if now - self._asked >= beat[0] * 1e-6:
            self._asked = now
            if self._ask():
                self.answered = now
                if self._asked_before:
                    beat[0] = min(beat[0] * 2, BEAT_MOST)  # likewise
            self._asked_before = True
        if now - self.quiet_since >= self._spin * station.patience:
            self._nap(now)

    def _clocks(self) -> int:
        """How many other workers ask regularly."""
        idle = bytes(self.station.arena.idle)
        return idle.count(SEEKING) + idle.count(NAPPING) - (idle[self.station.seat.index] in (SEEKING, NAPPING))

    # -- asking ----------------------------------------------------------------------------------------------------

    def _ask(self) -> bool:
        """Set the request word of every busy seat; whether one had answered since."""
        arena, own, answered = self.station.arena, self.station.seat.index, False
        words = arena.words
        for seat in range(arena.seats):
            at = arena.seat(seat)
            if words[at + SeatWord.BUSY] and seat != own and not words[at]:
                words[at] = 1
                answered = True
        return answered

    def _leave_standing(self) -> None:
        """Set the request word of every seat, busy or not: whoever has work next finds it."""
        arena, own = self.station.arena, self.station.seat.index
        for seat in range(arena.seats):
            if seat != own:
                arena.words[arena.seat(seat)] = 1

    def hand_over(self) -> None:
        """This worker has work now: if others sleep, they have lost their clock, and are asked for."""
        station = self.station
        self._asked_before = False
        if station.sleeping():
            self._ask()
            station.seat.request[0] = 1  # this seat was not busy when they fell asleep
            if self.slept:
                station.pass_on()
            now = clock()
            if now - self._rang > RING_GAP:
                self._rang = now
                self._ring_couriers()
            elif not self._ring_due:
                self._ring_due = True
                station.call_at(self._rang + RING_GAP, self._ring_late)
        self.slept = False

    def _ring_late(self) -> None:
        """The ring that was put off, on the courier's thread: busy seats may be deep in a leaf."""
        self._ring_due = False
        if self.station.sleeping():
            self._ring_couriers()

    def _ring_holders(self) -> None:
        """Have those publish who hold background jobs back, so that they travel in company."""
        arena, background = self.station.arena, self.station.settings.background
        words = arena.words
        for seat in range(arena.seats):
            at = arena.seat(seat)
            if words[at + SeatWord.MORE] and background:
                ring(words[at + SeatWord.COURIER])

    def _ring_couriers(self) -> None:
        """Have busy seats look at their request words even if they are deep in a leaf."""
        arena, own = self.station.arena, self.station.seat.index
        words = arena.words
        for seat in range(arena.seats):
            at = arena.seat(seat)
            if words[at + SeatWord.BUSY] and words[at + SeatWord.COURIER] and seat != own:
                ring(words[at + SeatWord.COURIER])

    # -- sleeping --------------------------------------------------------------------------------------------------

    def _nap(self, now: float) -> None:
        """Sleep for a beat, or until rung."""
        station = self.station
        arena, seat, settings = station.arena, station.seat, station.settings
        idle, index = arena.idle, seat.index
        crowded = self._clocks() >= max(1, settings.cores - 1)
        deep = crowded or now - self.answered > DEEP
        station.bell.hush()
        arena.rung[index] = 0  # after the hush: who marks from now on rings afterwards
        idle[index], self.slept = ASLEEP if deep else NAPPING, True
        if deep and not crowded:
            self._leave_standing()
        count(seat.channel)  # fence: the announcement before the last look
        if station.anything() or arena.stop[0] or station.retire[0] or (crowded and not self._clocks()):
            idle[index] = SEEKING
            return
        if not crowded and (deep or now - self._rang > RING_GAP):
            self._rang = now
            self._ring_couriers()
        else:
            self._ring_holders()
        seat.stats[Stat.SLEEPS] += 1
        rang = station.bell.sleep(None if deep else max(2e-5, self._asked + arena.beat[0] * 1e-6 - now))
        idle[index] = SEEKING
        spin = settings.idle_spin
        self._spin = min(self._spin * 2, spin * SPIN_MOST) if rang else max(self._spin / 2, spin)
        if rang:
            seat.stats[Stat.WAKES] += 1
            self.woken = True
            self.quiet_since = self.answered = self._asked = clock()
        self._asked_before = False
