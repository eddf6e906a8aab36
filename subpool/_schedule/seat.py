"""A seat: everything one interpreter's thread needs to take part, and how it publishes and takes back.

Guarantees:
    - An entry of the ledger is in exactly one place: on the ledger, in the hand of the thread that popped it, in a
      `Half` that a publisher drew, or consumed. Whoever draws, gives back or takes back holds `Seat.lock`.
    - All public halves of a seat belong to one fork (`Seat.shown`): a deeper fork publishes only once the channel is
      empty. So what an owner takes back is its own, even where several threads share the seat.
    - Nothing of the user's runs under the lock: serialising happens between two short sections of it, and the owner may
      revoke a half meanwhile (`HalfState.WRITING`).

Assumptions: the GIL of the owning interpreter makes `list.append`, `list.pop` and `list.insert` atomic. Nobody outside
that interpreter touches a seat, only its words on the board. A signal may raise in the main thread between any two
calls: hence acquire inside `try`, and release in `finally` if the lock is ours (CPython 3.14 can lose a plain `with`).
"""

from __future__ import annotations

from functools import partial
from threading import RLock, get_ident
from time import perf_counter as clock
from typing import TYPE_CHECKING, Any, Final

from subpool._schedule.context import arithmetic, calculate
from subpool._schedule.half import Half, HalfState
from subpool._schedule.refusal import needs_host
from subpool._wire.arena import LIMITS, SLOT_BYTES, SeatWord, SlotWord, Stat
from subpool._wire.interpreters import count, get, put
from subpool._wire.payload import write
from subpool.errors import SerializationError

if TYPE_CHECKING:
    from subpool._schedule.station import Station
    from subpool._wire.arena import Arena
    from subpool._wire.doorbell import Doorbell

__all__ = ["Seat"]

DEAR: Final = 100e-6
"""Seconds: a half that took longer to write mutes the seat."""
MUTE: Final = 60
"""How many times its cost a dear half mutes the seat for."""
MUTE_MOST: Final = 0.030
"""Seconds: the longest that a seat is muted."""
PHASE: Final = 7
READY: Final = 0
TAKEN: Final = 1
DONE: Final = 2


NOTHING: Final = object()
"""Stands for what was popped where nothing was: another thread held even the first entry in its hand."""


class Seat:
    """One seat of a pool, as its own interpreter sees it."""

    def __init__(self, station: Station, index: int, slots: range, bell: Doorbell | None = None) -> None:
        """Take the seat with this index, owning these slots. One that several threads share has no bell of its own."""
        arena = station.arena
        at = arena.seat(index)
        self.station: Station = station
        self.index: int = index
        self.bell: Doorbell | None = bell
        self.words: memoryview[int] = arena.words
        self.arena: Arena = arena
        self.request: memoryview[int] = arena.words[at : at + 1]
        self.busy: memoryview[int] = arena.words[at + SeatWord.BUSY : at + SeatWord.BUSY + 1]
        self.channel: int = arena.words[at + SeatWord.CHANNEL]
        self.stats: memoryview[int] = arena.words[arena.stat(index) : arena.stat(index) + 16]
        self.ledger: list[Any] = [None]  # the first entry stays, so that the owner's `pop` always finds one
        self.open: list[Half] = []  # halves of binary joins that left the ledger, newest last
        self.public: dict[int, Half] = {}
        self.free: list[int] = list(reversed(slots))
        self.lock: RLock = RLock()
        self.writer: int = 0  # the thread that is writing a half, if any
        self.shown: int = 0  # `id` of the fork that stands on the channel: what is over is not kept for it
        self.declined: list[object] = []
        self.muted_until: float = 0.0
        self.seen: list[int] = [0] * arena.seats
        self.depth: int = 0
        first = at + SeatWord.LIMITS
        self.limits: list[int] = list(range(first, first + LIMITS))  # words that pipelines may borrow

    def publish(self, limit: int, *, exempt: bool = False) -> int:
        """Publish up to so many of the oldest private halves; how many went out."""
        if not exempt and clock() < self.muted_until:
            return 0
        sent = 0
        ident = get_ident()
        try:
            while sent < limit:
                half = self._draw(ident)
                if half is None or not self._send(half):
                    break
                sent += 1
        finally:
            if self.writer == ident:  # a RecursionError or Ctrl-C came between the two
                self.writer = 0
        return sent

    def _draw(self, ident: int) -> Half | None:
        """Take the oldest half that may go off the ledger."""
        lock = self.lock
        try:
            lock.acquire()
            if self.writer or not self.free:
                return None
            standing = count(self.channel) > 0
            half = None
            while half is None:
                try:
                    entry = self.ledger.pop(1)
                except IndexError:
                    return None
                if standing and self.shown != id(entry):
                    self.ledger.insert(1, entry)
                    return None
                half = self._half_of(entry)
            half.state = HalfState.WRITING
            self.writer = ident
            return half
        finally:
            try:
                lock.release()
            except RuntimeError:
                pass  # it was never acquired

    def _half_of(self, entry: Any) -> Half | None:
        """The half that an entry of the ledger offers; a fork with none left loses its place there."""
        if isinstance(entry, Fork):
            drawn = entry.draw()
            if drawn is not None:
                self.ledger.insert(1, entry)
            return drawn
        half = Half(entry, None)
        half.fork = half
        self.open.append(half)
        return half

    def _send(self, half: Half) -> bool:
        """Write a drawn half and put it on the channel, unless its owner revoked it meanwhile."""
        lock = self.lock
        try:
            lane, refused = self.station.lane, self.station.refusals.of(half.call) is not None
            data = None if refused and not (lane and lane.wants(half.call)) else self._written(half, lend=not refused)
            lock.acquire()
            if data is None or half.state is not HalfState.WRITING:
                return False
            number = self.free.pop()
            item = self.fill(number, data, 0)
            if isinstance(half.fork, Fork) and half.fork.alert:
                self.words[self.arena.header(number) + SlotWord.WAITER] = -half.fork.alert
            self.public[number] = half
            half.number = number
            half.state = HalfState.PUBLIC
            if refused and lane:
                lane.offer(number, item, half.call)
            else:
                self.shown = id(half.fork)
                put(self.channel, item)
                self.arena.public[self.index] += 1
            self.stats[Stat.PUBLISHED] += 1
            return True
        finally:
            lock.acquire()
            if half.state is HalfState.WRITING:
                half.state = HalfState.PRIVATE
                if isinstance(half.fork, Fork):
                    half.fork.keep(half)
            lock.release()
            self.writer = 0
            try:
                lock.release()
            except RuntimeError:
                pass  # it was never acquired

    def _written(self, half: Half, *, lend: bool) -> bytes | None:
        """The half's call as bytes, or None where it cannot cross; what was dear mutes the seat."""
        if not callable(half.call) or needs_host(half.call):
            return None
        begun = clock()
        self.station.ship_path()
        context = arithmetic()
        if context is not None:
            self.station.own_arithmetic = True  # from now on the courier publishes nothing: it cannot see its callers'
        call = half.call if context is None else partial(calculate, context, half.call, ())
        try:
            data = write(call, lend=lend)
        except SerializationError:
            data = None
        now = clock()
        if now - begun > DEAR:
            self.mute((now - begun) * MUTE, now)
        return data

    def mute(self, seconds: float, now: float) -> None:
        """Publish nothing for a while; the courier renews the request when it is over."""
        self.muted_until = now + min(seconds, MUTE_MOST)
        self.station.call_at(self.muted_until, self._unmute)

    def _unmute(self) -> None:
        self.request[0] = 1

    def fill(self, number: int, data: bytes, function: int, at: int = 0) -> Any:
        """Write a slot's header and payload; what has to be put on the channel for it."""
        words, header = self.words, at or self.arena.header(number)
        words[header] = READY
        words[header + SlotWord.CANCEL] = 0
        words[header + SlotWord.TIME] = 0
        words[header + SlotWord.WAITER] = 0
        words[header + SlotWord.PARENT] = max(0, self.busy[0])
        words[header + SlotWord.OWNER] = self.index
        words[header + SlotWord.LENGTH] = length = len(data)
        words[header + SlotWord.FUNCTION] = function
        if length > SLOT_BYTES:
            return self.station.loans.parcel(number, data)
        begin = (header + 8) * 8
        self.arena.memory[begin : begin + length] = data
        return number

    def take_back(self, fork: object) -> Half | None:
        """Take a half of this fork back from the channel if nobody has it yet."""
        lock = self.lock
        try:
            lock.acquire()
            number = self._get_back(fork)
            if number is None:
                return None
            half = self.public.pop(number)
            half.state = HalfState.PRIVATE
            self.station.moved(half)
            half.part()
            self.arena.wipe(number)
            self.free.append(number)
            self.stats[Stat.TAKEN_BACK] += 1
            return half
        finally:
            try:
                lock.release()
            except RuntimeError:
                pass  # it was never acquired

    def _get_back(self, fork: object) -> int | None:
        """The number of a public half of this fork that nobody has yet; not any more on the channel, or set apart."""
        if self.shown == id(fork):
            try:
                item = get(self.channel)[0]
            except RuntimeError:
                pass
            else:
                if type(item) is int:
                    return item
                self.station.loans.landed(item)  # and so given back
                return int(item[0])
        lane = self.station.lane
        for number, half in list(self.public.items()) if lane else ():
            if lane and half.fork is fork and lane.recall(number):
                return number
        return None

    def revoke(self, half: Half) -> bool:
        """Whether a half that left the ledger is its owner's again: never sent, revoked, or taken back."""
        lock = self.lock
        try:
            lock.acquire()
            if half.state is HalfState.WRITING:
                half.state = HalfState.PRIVATE
            if half.state is HalfState.PUBLIC and half.fork is half:
                self.take_back(half)
            if half.state is HalfState.PRIVATE:
                half.part()
            return half.state is HalfState.PRIVATE
        finally:
            try:
                lock.release()
            except RuntimeError:
                pass  # it was never acquired

    def find(self, call: object, popped: object) -> Half | None:
        """Find what became of `call`, which was not on top of the ledger; None means: run it, it is here.

        `popped` is what was on top instead, and goes back: it belongs to another thread of this interpreter, unless
        that thread has looked for it meanwhile and, not finding it, runs it itself (`declined`).
        """
        lock = self.lock
        try:
            lock.acquire()
            self._give_back(popped)
            found, half = self._find(call)
            if not found:
                self.declined.append(call)
            return half
        finally:
            try:
                lock.release()
            except RuntimeError:
                pass  # it was never acquired

    def remove(self, call: object) -> Half | None:
        """Take `call` off the ledger, wherever it is there; or the half that it has become."""
        return self.find(call, NOTHING)

    def _find(self, call: object) -> tuple[bool, Half | None]:
        ledger = self.ledger
        for place in range(len(ledger) - 1, -1, -1):  # to the very first: the sentinel may be in another thread's hand
            try:
                if ledger[place] is call and (place or call is not None):
                    del ledger[place]
                    return True, None
            except IndexError:
                continue  # another thread took its own off the top meanwhile
        for place in range(len(self.open) - 1, -1, -1):
            if self.open[place].call is call:
                return True, self.open.pop(place)
        return False, None

    def _give_back(self, popped: object) -> None:
        if popped is NOTHING:
            return
        if popped is None:
            if not self.ledger or self.ledger[0] is not None:
                self.ledger.insert(0, None)
            return
        for place, call in enumerate(self.declined):
            if call is popped:
                del self.declined[place]
                return
        self.ledger.append(popped)

    def release(self, half: Half) -> None:
        """The slot of a half that came home is free again; or will be, once a taker set aside is done with it."""
        lock = self.lock
        try:
            lock.acquire()
            if self.words[self.arena.cell(half.number)] & PHASE != DONE:
                self.station.orphan(self, half)
            elif self.public.pop(half.number, None) is not None:
                self.free.append(half.number)
            half.state = HalfState.HOME
            self.station.moved(half)
            half.part()
        finally:
            try:
                lock.release()
            except RuntimeError:
                pass  # it was never acquired

    def cancel(self, half: Half) -> None:
        """Ask whoever has a half to stop. Under the lock: else the wish might meet the next half in that slot."""
        lock = self.lock
        try:
            lock.acquire()
            if half.state is HalfState.PUBLIC and not self.station.arrived(half.number):
                self.station.cancel(half.number)
        finally:
            try:
                lock.release()
            except RuntimeError:
                pass  # it was never acquired


class Fork:
    """Halves that a seat hands out together: an entry of the ledger that is asked for one half at a time."""

    __slots__ = ("alert",)

    alert: int
    """Address of the doorbell to ring if a half fails while its owner does not wait, 0 for none."""

    def draw(self) -> Half | None:
        """Take the half that should travel next, or None when none is left. Called under the seat's lock."""
        raise NotImplementedError

    def keep(self, half: Half) -> None:
        """A drawn half cannot cross: it stays with the owner for good."""
        raise NotImplementedError
