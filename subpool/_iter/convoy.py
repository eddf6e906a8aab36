"""The convoy: batches of a pipeline's work under way, in order, as many as keep the workers busy and no more.

The caller reads the source, so it sets the pace: a new batch is read only when the oldest one is done and given out.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from time import perf_counter as clock
from typing import TYPE_CHECKING, Any, Final

from subpool._iter.drivers import Work, run, unread
from subpool._iter.folds import Search
from subpool._iter.ranges import grown
from subpool._schedule.bundle import Bundle
from subpool._schedule.forkjoin import conclude, stop
from subpool._schedule.half import Half, HalfState
from subpool._schedule.waiting import wait
from subpool._wire.arena import SlotWord
from subpool.errors import TaskCancelled

if TYPE_CHECKING:
    from subpool._iter.plan import Piece, Plan
    from subpool._iter.progress import Meter
    from subpool._iter.reader import Reader
    from subpool._schedule.seat import Seat

__all__ = ["Convoy", "joined_up"]

BATCH: Final = 2e-3
"""Seconds: how long a batch should take."""
MOST: Final = 16384
"""Positions of the largest batch."""


class Failed:
    """Stands for a batch that raised, until its turn has come."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException) -> None:
        self.error = error


class Convoy(Bundle):
    """The batches under way. Owner and others take the oldest first: that is the one which is waited for."""

    __slots__ = (
        "_base",
        "_done",
        "_end",
        "_exhausted",
        "_meter",
        "_next",
        "_plan",
        "_reader",
        "_seat",
        "_window",
        "batch",
        "fixed",
    )

    def __init__(self, seat: Seat, plan: Plan, reader: Reader, fixed: int | None, meter: Meter | None) -> None:
        """Of the batches that a reader gives, of `fixed` positions or of as many as seems right."""
        super().__init__()
        self._seat = seat
        self._plan = plan
        self._reader = reader
        self._meter = meter
        self._window: int = 2 * seat.station.workers + 2 if seat.station.workers else 1
        self._done: dict[int, Any] = {}  # outcomes that have not been given out, by the place of their batch
        self._next = 0
        self._base = 0
        self._end: float = float("inf")  # the place of the first batch that failed
        self._exhausted = False
        self.fixed: bool = fixed is not None
        self.batch: int = fixed or 1

    def draw(self) -> Half | None:
        """Take the oldest batch that nobody has begun. Called under the seat's lock."""
        if self._plan.stays:
            return None
        try:
            half = self._left.popleft()
        except IndexError:
            return None
        half.state = HalfState.WRITING  # before it is listed: what is listed and private counts as over
        self._drawn.append(half)
        return half

    def keep(self, half: Half) -> None:
        """See `Bundle.keep`; nothing else goes out, since it would not cross either."""
        self._plan.stays = True
        super().keep(half)

    def close(self) -> None:
        """The fork is over: it lets go of its batches, since a seat may remember the fork for a while."""
        super().close()
        self._drawn.clear()

    # -- going -----------------------------------------------------------------------------------------------------

    def accs(self, *, ordered: bool) -> Generator[Any]:
        """What the fold made of each batch, in order, or as they are done.

        Raises:
            Exception: what a sequential run would have raised first.
        """
        seat = self._seat
        try:
            while self._fill():
                place = self._await(ordered)
                self._next += 1
                outcome = self._done.pop(place)
                if isinstance(outcome, Failed):
                    try:
                        raise outcome.error
                    finally:
                        del outcome  # no circle of error, traceback and frame: it would hold the source's memory
                if outcome is not None:
                    yield outcome
        except BaseException as error:
            self._left.clear()
            stop(seat, self.outstanding, error)
            raise
        finally:
            seat.station.withdraw(seat, self)

    def _fill(self) -> bool:
        """Read batches until enough are under way; whether there is one."""
        station, added = self._seat.station, False
        while not self._exhausted and self._size - self._next < self._window:
            self._read()
            added = True
            self._arrivals()
            if self._next in self._done:
                break  # it is given out before more is read: the source may be slow
        if added and station.workers:
            self._offer()
        return self._next < self._size

    def _offer(self) -> None:
        """Somebody may be hungry for what was read."""
        seat, station = self._seat, self._seat.station
        if not any(entry is self for entry in seat.ledger):
            seat.ledger.append(self)
        if seat.request[0] and self._pays():
            station.respond(seat)
            if station.hungry() > 1 and len(self._left) > 1:
                station.wake_for(seat, seat.publish(station.hungry(), exempt=True))

    def _pays(self) -> bool:
        """Whether a batch is worth giving away: the first ones show how long they take."""
        return self.fixed or self.batch > 1 or self._next > 0

    def _read(self) -> None:
        try:
            node = self._reader.read(self.batch)
        except (KeyboardInterrupt, TaskCancelled):
            raise
        except BaseException as error:  # noqa: BLE001 - raised when its turn has come
            self._done[self._size] = Failed(error)
            self._size += 1
            self._exhausted = True
            return
        if node is None:
            self._exhausted = True
            return
        size = node.size or 0
        self.add(Work(self._plan, node, 0, size, self._base, max(1, self.batch // 4), whole=self.fixed))
        self._base += size

    def _await(self, ordered: bool) -> int:
        """Run, help and wait until a batch is done that may be given out; its place."""
        seat = self._seat
        while True:
            self._arrivals()
            if ordered:
                if self._next in self._done:
                    return self._next
            elif self._done:
                return min(self._done)
            half = self.next(seat)
            if half is not None:
                if half.place <= self._end:
                    self._run(half)
            elif pending := self.outstanding:
                wait(seat, [each.number for each in pending])

    def _run(self, half: Half) -> None:
        """Do a batch here."""
        call: Any = half.call
        piece: Piece = call
        half.state = HalfState.HOME
        begun = clock()
        try:
            self._done[half.place] = run(self._seat, piece)
        except (KeyboardInterrupt, TaskCancelled):
            raise
        except BaseException as error:  # noqa: BLE001 - raised when its turn has come
            self._failed(half.place, error)
            return
        self._learn(piece, clock() - begun)

    def _arrivals(self) -> None:
        """Take in the batches that others have done."""
        seat = self._seat
        station, arena = seat.station, seat.arena
        for half in self.outstanding:
            if not station.arrived(half.number):
                continue
            if half.place > self._end:
                station.outcome(half.number)
                seat.release(half)
                continue
            call: Any = half.call
            seconds = -seat.words[arena.cell(half.number) + SlotWord.TIME] * 1e-9
            if unread(seat, half):
                self._plan.stays = True
            try:
                self._done[half.place] = conclude(seat, half)
            except (KeyboardInterrupt, TaskCancelled):
                raise
            except BaseException as error:  # noqa: BLE001 - raised when its turn has come
                self._failed(half.place, error)
                continue
            self._learn(call, seconds)

    def _learn(self, piece: Piece, seconds: float) -> None:
        positions = piece.high - piece.low
        if self._meter is not None:
            self._meter.add(positions)
        if not self.fixed and positions >= self.batch // 2:
            self.batch = min(MOST, grown(positions, max(seconds, 1e-7), BATCH))

    def _failed(self, place: int, error: BaseException) -> None:
        """What comes after it is not wanted."""
        self._done[place] = Failed(error)
        self._exhausted = True
        self._end = min(self._end, place)
        for half in self.outstanding:
            if half.place > place:
                self._seat.station.cancel(half.number)


def joined_up(accs: Iterator[Any], plan: Plan) -> Any:
    """Join what came of one part after the other, until the fold needs no more."""
    fold, joined = plan.fold, None
    for acc in accs:
        if acc is not None:
            joined = acc if joined is None else fold.join(joined, acc)
            if fold.search is not Search.NONE and fold.decided(joined):
                plan.limit.lower(0)
                break
    return joined
