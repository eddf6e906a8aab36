"""The rest of a range: one private half, from which others get a part when they are hungry, and only then.

"Lazy binary splitting" (Tzannes, Caragea, Barua & Vishkin, 2010), with the far end going out, as halves do.
"""

from __future__ import annotations

from time import perf_counter as clock
from typing import TYPE_CHECKING, Any, Final

from subpool._iter.ranges import grown, share
from subpool._iter.sources import Elements
from subpool._schedule.bundle import Bundle
from subpool._schedule.half import Half, HalfState
from subpool._wire.arena import SlotWord
from subpool._wire.interpreters import count

if TYPE_CHECKING:
    from subpool._iter.node import Node
    from subpool._iter.plan import Piece, Plan
    from subpool._iter.ranges import Cut
    from subpool._schedule.seat import Seat

__all__ = ["Rest"]

BLOCK: Final = 500e-6
"""Seconds: how long the owner goes on between two looks at whether somebody is hungry."""
OVERHEAD: Final = 15e-6
"""Seconds that a block costs besides its items, at most: what took no longer says nothing about them."""
COLD: Final = 300e-6
"""Seconds that the first item may take just because nothing is in the caches yet."""
LONG: Final = 1e-3
"""Seconds: a block that takes longer than this says that the rest is worth dividing, whatever was known before."""
PAYS: Final = 120e-6
"""Seconds: a rest that takes less than this is not divided."""


class Rest(Bundle):
    """What is left of a range. Its owner takes blocks from the near end, others get parts of the far end.

    Guarantee: each position is in exactly one place: in the rest, in a block, or in a half. `claim`, `draw` and
    `adopt` move them, and hold the seat's lock.
    """

    __slots__ = (
        "base",
        "begun",
        "block",
        "blocks",
        "cut",
        "high",
        "kind",
        "listed",
        "low",
        "most",
        "node",
        "plan",
        "rate",
        "seat",
        "working",
    )

    def __init__(self, seat: Seat, piece: Piece, cut: Cut | None, most: int | None) -> None:
        """All of a piece; cut beforehand or as needed, and with at most so many positions to a half."""
        super().__init__()
        self.seat: Seat = seat
        self.plan: Plan = piece.plan
        self.node: Node = piece.node
        self.base: int = piece.base
        self.kind = type(piece)
        self.cut: Cut | None = cut
        self.most: int | None = most
        self.low, self.high = (piece.low, piece.high) if cut is None else (0, cut.pieces)
        self.block: int = piece.block
        self.rate: float | None = None
        """Seconds per position, as far as is known."""
        self.blocks: int = 0
        self.begun: float = 0.0
        """When the block in hand was begun."""
        self.listed: bool = True
        """Whether the ledger has it: a fork that has nothing to give loses its place there."""
        self.working: bool = False
        """Whether the owner is in the middle of a block."""

    @property
    def left(self) -> int:
        """How much is left."""
        return self.high - self.low

    def pays(self) -> bool:
        """Whether the rest is worth dividing."""
        if self.rate is None or (self.working and clock() - self.begun > LONG):
            return True
        if self.blocks == 1 and self.rate < COLD:
            return False
        return self.left * self.rate >= PAYS

    def wanted(self) -> bool:
        """Whether whoever asked is still there, and not served by what stands on the channel.

        A request may be an old one: somebody asked again while a part was being written, or a seat that was mute sets
        it again. A part that nobody takes is written in vain.
        """
        standing = count(self.seat.channel)
        return bool(self.seat.station.hungry() > standing or (not standing and self._awaited()))

    def _awaited(self) -> bool:
        """Whether somebody sleeps until the task is done that runs here, or one that waits for it."""
        words, arena, tag = self.seat.words, self.seat.arena, self.seat.busy[0]
        while tag > 0:
            header = arena.header(tag - 1)
            if words[header + SlotWord.WAITER] > 0:
                return True
            tag = words[header + SlotWord.PARENT]
        return False

    def claim(self) -> tuple[int, int]:
        """The next block: first position, and the one after the last; equal if nothing is left."""
        lock = self.seat.lock
        try:
            lock.acquire()
            low, self.low = self.low, min(self.high, self.low + (self.block if self.cut is None else 1))
            self.working, self.begun = True, clock()
            high = self.low
        finally:
            try:
                lock.release()
            except RuntimeError:
                pass  # it was never acquired
        if self.cut is None or low == high:
            return low, high
        return self.cut.bounds(low)

    def took(self, positions: int) -> None:
        """A block is done: learn from how long it took."""
        seconds = clock() - self.begun
        self.working = False
        self.blocks += 1
        self.rate = max(0.0, seconds - OVERHEAD) / (positions if self.cut is None else 1)
        self.block = grown(positions, seconds, BLOCK)

    def drop(self) -> None:
        """Nothing of the rest is wanted any more."""
        self.high = self.low

    def draw(self) -> Half | None:
        """The far part of the rest, for somebody who is hungry. Called under the seat's lock."""
        left = self.left
        if left < (1 if self.working else 2) or self.plan.stays or not self.pays() or not self.wanted():
            self.listed = False
            return None
        if self.cut is None:
            takers = max(1, self.seat.station.hungry() - count(self.seat.channel))
            given = max(1, share(left, takers)) if self.most is None else min(self.most, max(1, share(left, takers)))
        else:
            given = 1
        self.high -= given
        half = Half(self._piece(self.high, given), self, self.high)
        half.state = HalfState.WRITING  # before it is listed: what is listed and private counts as over
        self._drawn.append(half)
        return half

    def _piece(self, low: int, given: int) -> Any:
        if self.cut is None:
            return self.kind(self.plan, self.node, low, low + given, self.base, max(1, self.block // 4))
        first, end = self.cut.bounds(low)
        return self.kind(self.plan, self.node, first, end, self.base, 1, whole=True)

    def keep(self, half: Half) -> None:
        """See `Bundle.keep`; nothing else goes out, since it would not cross either."""
        self.plan.stays = True
        super().keep(half)

    def adopt(self, half: Half) -> None:
        """Go on with a half that came back."""
        piece: Any = half.call
        lock = self.seat.lock
        try:
            lock.acquire()
            if self.cut is None:
                self.low, self.high = piece.low, piece.high
            else:
                self.low, self.high = half.place, half.place + 1
            half.state = HalfState.HOME
        finally:
            try:
                lock.release()
            except RuntimeError:
                pass  # it was never acquired

    @property
    def private(self) -> bool:
        """Whether some of it may still go out."""
        return self.left > 0

    def close(self) -> None:
        """The fork is over: it lets go of what it went over, since a seat may remember the fork for a while."""
        self.drop()
        self.node = Elements(())
        self._drawn.clear()
