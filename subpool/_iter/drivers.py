"""The driver: goes through a range block by block, and shares the rest with whoever is hungry."""

from __future__ import annotations

from threading import get_ident
from typing import TYPE_CHECKING, Any

from subpool._iter.folds import Search
from subpool._iter.plan import Piece
from subpool._iter.rest import Rest
from subpool._schedule.forkjoin import conclude, stop
from subpool._schedule.refusal import Wrapper
from subpool._schedule.seat import DONE, PHASE
from subpool._schedule.waiting import wait
from subpool._wire.arena import Stat
from subpool._wire.interpreters import count
from subpool._wire.payload import Kind
from subpool.ambient import station
from subpool.errors import TaskCancelled

if TYPE_CHECKING:
    from subpool._iter.progress import Meter
    from subpool._iter.ranges import Cut
    from subpool._schedule.half import Half
    from subpool._schedule.seat import Seat

__all__ = ["Work", "run", "unread"]


def run(seat: Seat, piece: Piece, cut: Cut | None = None, meter: Meter | None = None) -> Any:
    """Do a piece of work, and let whoever is hungry have some of it; what the fold made of all its items.

    Raises:
        Exception: what a sequential run would have raised first.
    """
    if piece.whole:
        return _in_one(piece)
    return _Run(seat, piece, cut, meter).go()


def _in_one(piece: Piece) -> Any:
    """A piece that is not divided further, and not begun if nobody wants it any more."""
    plan, first = piece.plan, piece.base + piece.low
    if plan.limit.passed(first):
        return None
    try:
        acc = plan.run(piece.node.bind(range(piece.low, piece.high)))
    except BaseException as error:
        plan.failed(error, piece.base + piece.high)
        raise
    if plan.fold.search is not Search.NONE and plan.fold.decided(acc):
        plan.limit.lower(0 if plan.fold.search is Search.ANY else piece.base + piece.high)
    return acc


class Work(Piece):
    """A piece that does its work when it is called, and gives what the fold made of it."""

    __slots__ = ()

    def __reduce__(self) -> tuple[Any, ...]:
        return Away, self.part

    def __call__(self) -> Any:
        return run(station().caller_seat(), self)


class Away(Wrapper):
    """A piece in the hands of whoever took it: what the fold made of it goes home."""

    __slots__ = ("work",)

    def __init__(self, *part: Any) -> None:
        self.work = Work(*part)

    @property
    def func(self) -> object:
        """See `Piece.func`."""
        return self.work.func

    def __call__(self) -> Any:
        return self.work.plan.fold.home(self.work())


def unread(seat: Seat, half: Half) -> bool:
    """Whether a half is home, and could not be rebuilt by its taker: others will fare no better."""
    state = seat.words[seat.arena.cell(half.number)]
    return state & PHASE == DONE and (state >> 3) & 7 in (Kind.UNREADABLE, Kind.REFUSED)


class _Run:
    """One piece of work under way, in the interpreter that owns it."""

    def __init__(self, seat: Seat, piece: Piece, cut: Cut | None, meter: Meter | None) -> None:
        self.seat: Seat = seat
        self.station: Any = seat.station
        self.plan = piece.plan
        self.fold = piece.plan.fold
        self.meter: Meter | None = meter
        self.rest: Rest = Rest(seat, piece, cut, meter.most if meter is not None else None)
        self.accs: dict[int, Any] = {}  # what came of each run of neighbours, by its first place
        self.end: float = float("inf")  # the place from which on nothing is wanted
        self.error: BaseException | None = None
        self.stack = self.station.stacks.get(get_ident(), ())

    # -- life ------------------------------------------------------------------------------------------------------

    def go(self) -> Any:
        """Do all of it."""
        seat, rest, station = self.seat, self.rest, self.station
        seat.ledger.append(rest)
        try:
            self._work(rest.low)
            while (half := rest.next(seat)) is not None:
                self._arrivals()
                self._take_up(half)
            while pending := rest.outstanding:
                self._stop_later(pending)
                wait(seat, [half.number for half in pending])
                self._arrivals()
        except BaseException as error:
            rest.drop()
            stop(seat, rest.outstanding, error)
            raise
        finally:
            station.withdraw(seat, rest)
            if self._look_out in station.lookouts:
                station.lookouts.remove(self._look_out)
        if self.error is not None:
            try:
                raise self.error
            finally:
                self.error = None  # no circle of error, traceback and this: it would hold the source's memory
        return self._joined()

    def _take_up(self, half: Half) -> None:
        if half.place < self.end:
            self.rest.adopt(half)
            self._work(half.place)
        else:
            self.seat.stats[Stat.WITHDRAWN] += 1

    # -- blocks ----------------------------------------------------------------------------------------------------

    def _work(self, place: int) -> None:
        """Go through the private rest. `place` is where it begins."""
        rest, plan, node, limit = self.rest, self.plan, self.rest.node, self.plan.limit
        low, high = rest.claim()
        if rest.left and self.station.hungry():
            self._have_others_look()
        acc = None
        while low < high:
            if limit.passed(rest.base + low):
                rest.drop()
                if self.fold.search is not Search.ANY:  # else what decided it may be among the halves of this range
                    self.end = min(self.end, low)
                break
            try:
                acc = plan.run(node.bind(range(low, high)), acc)
            except (KeyboardInterrupt, TaskCancelled):
                raise
            except BaseException as error:  # noqa: BLE001 - raised again when its turn has come
                self._fail(place, error, rest.base + high)
                return
            rest.took(high - low)
            if self.meter is not None:
                self.meter.add(high - low)
            if self.fold.search is not Search.NONE and self.fold.decided(acc):
                self._found(place, rest.base + high)
                break
            self._share()
            low, high = rest.claim()
        rest.working = False
        if acc is not None:
            self.accs[place] = acc

    def _share(self) -> None:
        """Between two blocks: see who is hungry, and whether to go on."""
        rest, seat = self.rest, self.seat
        for running in self.stack:
            if running.cancelled:
                raise TaskCancelled
        if rest._drawn:
            self._arrivals()
        if not rest.listed:
            self._on_ledger()
        if seat.request[0] and rest.left > 1 and not self.plan.stays and rest.pays() and rest.wanted():
            self.station.respond(seat)
            if self.station.hungry() > 1:
                self._look_out()

    def _on_ledger(self) -> None:
        """A fork that had nothing to give for a moment has lost its place."""
        self.rest.listed = True
        if not any(entry is self.rest for entry in self.seat.ledger):
            self.seat.ledger.append(self.rest)

    def _have_others_look(self) -> None:
        """The first block may take long: whoever is awake and gets nothing rings the courier, which then divides.

        To ring the courier at once would cost a short pipeline more than all of its items.
        """
        if self._look_out not in self.station.lookouts:
            self.station.lookouts.append(self._look_out)
            self.station.wake(1)

    def _look_out(self) -> None:
        """Publish for all who are hungry; called by the courier, which sees no decimal context but the usual one."""
        station, rest, seat = self.station, self.rest, self.seat
        if rest.left > 0 and not station.own_arithmetic and not self.plan.stays and rest.pays():
            hungry = station.hungry() - count(seat.channel)
            if hungry > 0:
                self._on_ledger()
                station.wake_for(seat, seat.publish(hungry, exempt=True))

    # -- outcomes --------------------------------------------------------------------------------------------------

    def _arrivals(self) -> None:
        """Take in what is done among the halves that others have."""
        station, seat = self.station, self.seat
        for half in self.rest.outstanding:
            if not station.arrived(half.number):
                continue
            if half.place >= self.end:
                station.outcome(half.number)
                seat.release(half)
                continue
            call: Any = half.call
            piece: Piece = call
            if unread(seat, half):
                self.plan.stays = True
            try:
                acc = conclude(seat, half)
            except (KeyboardInterrupt, TaskCancelled):
                raise
            except BaseException as error:  # noqa: BLE001 - raised again when its turn has come
                self._fail(half.place, error, piece.base + piece.high)
                continue
            if self.meter is not None:
                self.meter.add(piece.high - piece.low)
            if acc is not None:
                self.accs[half.place] = acc
                if self.fold.search is not Search.NONE and self.fold.decided(acc):
                    self._found(half.place, piece.base + piece.high)

    def _fail(self, place: int, error: BaseException, end: int) -> None:
        """A sequential run would have come no further than this place."""
        self.plan.failed(error, end)
        if place < self.end:
            self.end, self.error = place, error
        self._cut_off(place)

    def _found(self, place: int, end: int) -> None:
        """The fold needs nothing more, at least nothing from beyond this place."""
        if place >= self.end:
            return
        anywhere = self.fold.search is Search.ANY
        self.error, self.end = None, -1 if anywhere else place + 0.5
        self.plan.limit.lower(0 if anywhere else end)
        self._cut_off(place)

    def _cut_off(self, place: int) -> None:
        """Drop what is left beyond a place, and stop who is at it."""
        if self.rest.low > place or self.end < 0:
            self.rest.drop()
        self._stop_later(self.rest.outstanding)

    def _stop_later(self, pending: list[Half]) -> None:
        for half in pending:
            if half.place >= self.end:
                self.station.cancel(half.number)

    def _joined(self) -> Any:
        """What came of all of it, in order."""
        joined, join = None, self.fold.join
        for _, acc in sorted(self.accs.items(), key=_place):
            joined = acc if joined is None else join(joined, acc)
        return joined


def _place(entry: tuple[int, Any]) -> int:
    return entry[0]
