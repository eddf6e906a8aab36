"""`join`: push, run, pop; and what happens in the rare case that somebody took the half meanwhile.

The fast path is one closure per pool. Its cells are the ledger and the request word of the seat that the threads of the
caller's interpreter share; while there is no such seat, or not for every caller (pool not started, closed, a thread
helping, another pool installed), the request word is `ASKED`, and every join takes the general path.
"""

from __future__ import annotations

from time import perf_counter as clock
from typing import TYPE_CHECKING, Any, Final, cast

from subpool._schedule.bundle import Bundle
from subpool._schedule.half import HalfState
from subpool._schedule.seat import NOTHING
from subpool._schedule.sharing import bring_home, disown
from subpool._schedule.waiting import wait
from subpool._wire.arena import Stat
from subpool._wire.payload import Kind, decode_error, rebuild
from subpool.errors import TaskCancelled, WorkerLostError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from subpool._schedule.half import Half
    from subpool._schedule.seat import Seat

__all__ = ["ASKED", "FastJoin", "conclude", "join_all", "join_two", "make_join", "redeem", "stop"]

ASKED: Final = cast("memoryview[int]", (1,))
"""A request word that always asks: it sends every join to the general path."""
PROMPT: Final = 0.3
"""Seconds that an interrupted caller waits for what it started to stop."""


class FastJoin:
    """What `make_join` gives: the function, and the handle that connects it to a seat."""

    __slots__ = ("connect", "function")

    def __init__(self, function: Callable[..., Any], connect: Callable[[Seat | None, memoryview[int]], None]) -> None:
        self.function: Callable[..., Any] = function
        self.connect: Callable[[Seat | None, memoryview[int]], None] = connect


def make_join(general: Callable[..., Any]) -> FastJoin:
    """Make a `join` whose halves stay on a private ledger until somebody is hungry.

    `general` takes over, with the same arguments, when somebody is, and for more than two callables.
    """
    seat: Any = None
    request: Any = ASKED
    ledger: list[Any] = [None]

    def join(first: Callable[[], Any], second: Callable[[], Any], /, *more: Callable[[], Any]) -> tuple[Any, ...]:
        if request[0] or more:
            return general(first, second, *more)  # type: ignore[no-any-return]
        try:
            ledger.append(second)
            one = first()
            if (top := ledger.pop()) is second:
                return one, second()
        except BaseException as error:
            known = locals()
            if "one" not in known:
                abandon(seat, second, error)
                named(1, first, error)
            elif "top" not in known and isinstance(error, IndexError):
                return known["one"], settle(seat, second, NOTHING)
            else:
                named(2, second, error)
            raise
        return one, settle(seat, second, top)

    def connect(new_seat: Seat | None, word: memoryview[int]) -> None:
        nonlocal seat, request, ledger
        if new_seat is not None:
            seat, ledger = new_seat, new_seat.ledger
        request = word

    return FastJoin(join, connect)


def named(place: int, call: object, error: BaseException) -> None:
    """Say which argument was not callable, where that is what went wrong."""
    if isinstance(error, TypeError) and not callable(call):
        raise TypeError(f"join: argument {place} is not callable: {call!r}") from None


def join_two(seat: Seat, first: Callable[[], Any], second: Callable[[], Any]) -> tuple[Any, Any]:
    """The general path of `join` for two callables: the same, after somebody was answered who asked."""
    ledger = seat.ledger
    try:
        ledger.append(second)
        if seat.request[0]:
            seat.station.respond(seat)
        one = first()
        if (top := ledger.pop()) is second:
            return one, second()
    except BaseException as error:
        known = locals()
        if "one" not in known:
            abandon(seat, second, error)
            named(1, first, error)
        elif "top" not in known and isinstance(error, IndexError):
            return known["one"], settle(seat, second, NOTHING)
        else:
            named(2, second, error)
        raise
    return one, settle(seat, second, top)


def settle(seat: Seat, call: Callable[[], Any], top: object) -> Any:
    """The half was not on top of the ledger: run it if it is here after all, take it back, or wait for its taker."""
    half = seat.find(call, top)
    if half is None:
        return call()
    try:
        here = seat.revoke(half)
        if not here:
            wait(seat, (half.number,))
    except BaseException as error:
        stop(seat, [half], error)
        raise
    return call() if here else conclude(seat, half)


def abandon(seat: Seat, call: Callable[[], Any], error: BaseException) -> None:
    """The first callable raised: withdraw the other half, or stop it and wait for that."""
    half = seat.remove(call)
    if half is not None and not seat.revoke(half):
        stop(seat, [half], error)
    seat.stats[Stat.WITHDRAWN] += 1


def conclude(seat: Seat, half: Half) -> Any:
    """The result of a half that is done; run here after all if its taker could not, or raised if it failed there."""
    kind, data = seat.station.outcome(half.number)
    seat.release(half)
    return redeem(seat, half, kind, data)


def redeem(seat: Seat, half: Half, kind: int, data: Any) -> Any:
    """The result of a half whose outcome was taken home; see `conclude`."""
    seat.station.catch_up()
    if kind == Kind.VALUE:
        return rebuild(data)
    if kind == Kind.ERROR:
        raise decode_error(data)
    if kind == Kind.LOST:
        raise WorkerLostError("the worker that ran this callable ended before it was done")
    if kind == Kind.CANCELLED:
        raise TaskCancelled
    if kind == Kind.REFUSED:
        seat.station.refused_half(half.call, str(data, "utf-8"))
    if kind == Kind.UNREADABLE:
        seat.mute(1.0, clock())  # the attempt cost more than it can have saved
    return half.call()


def stop(seat: Seat, halves: Iterable[Half], error: BaseException) -> None:
    """Ask the takers of these halves to stop, and wait for that: as long as it takes, or briefly after Ctrl-C."""
    until = None
    if isinstance(error, (KeyboardInterrupt, TaskCancelled)):
        until = getattr(error, "_subpool_until", None) or clock() + PROMPT
        error._subpool_until = until  # type: ignore[union-attr]  # shared by every join that it passes through
    pending = list(halves)
    for fork in {half.fork for half in pending}:
        while seat.take_back(fork) is not None:
            pass
    pending = [half for half in pending if not seat.revoke(half)]
    for half in pending:
        seat.station.cancel(half.number)
    while pending and wait(seat, [half.number for half in pending], until, stoppable=False, shared=pending):
        for half in pending:
            bring_home(seat, half)
        pending = [half for half in pending if half.state is HalfState.PUBLIC]
    for half in pending:
        disown(seat, half)


class _Results:
    """What the halves of a `join_all` gave, and the failure that a sequential run would have met first."""

    def __init__(self, size: int) -> None:
        self.values: list[Any] = [None] * size
        self.limit = size
        self.error: BaseException | None = None

    def run(self, place: int, call: Callable[[], Any]) -> None:
        """Call, and note the outcome."""
        try:
            self.values[place] = call()
        except (KeyboardInterrupt, TaskCancelled):
            raise
        except BaseException as error:  # noqa: BLE001 - raised again when its turn has come
            self.fail(place, error)

    def fail(self, place: int, error: BaseException) -> None:
        if place < self.limit:
            self.limit, self.error = place, error


def join_all(seat: Seat, calls: list[Callable[[], Any]], *, eager: bool = False) -> list[Any]:
    """Run all of them, the first one here; their results in order, or what a sequential run would have raised.

    `eager` leaves to workers what they can take, even if it would be quicker here.
    """
    for place, call in enumerate(calls, 1):
        if not callable(call):
            raise TypeError(f"join: argument {place} is not callable: {call!r}")
    results = _Results(len(calls))
    if not calls:
        return results.values
    bundle = Bundle(calls[1:], 1)
    station = seat.station
    try:
        station.offer(seat, bundle)
        results.run(0, calls[0])
        if eager and results.error is None:
            station.leave_to_others(seat, bundle)
        while (half := bundle.next(seat)) is not None:
            _note_arrivals(seat, bundle, results)
            if half.place < results.limit:
                results.run(half.place, half.call)
            elif half.place > results.limit:
                seat.stats[Stat.WITHDRAWN] += 1
        while pending := bundle.outstanding:
            _stop_later(seat, pending, results)
            wait(seat, [half.number for half in pending])
            _note_arrivals(seat, bundle, results)
    except BaseException as error:
        stop(seat, bundle.unfinished, error)
        raise
    finally:
        station.withdraw(seat, bundle)
    if results.error is not None:
        raise results.error
    return results.values


def _note_arrivals(seat: Seat, bundle: Bundle, results: _Results) -> None:
    """Take in what is done among the halves that others have."""
    for half in bundle.outstanding:
        if not seat.station.arrived(half.number):
            continue
        if half.place < results.limit:
            results.run(half.place, lambda half=half: conclude(seat, half))  # type: ignore[misc]
        else:
            seat.station.outcome(half.number)
            seat.release(half)


def _stop_later(seat: Seat, pending: list[Half], results: _Results) -> None:
    """Ask those to stop that a sequential run would never have reached."""
    for half in pending:
        if half.place > results.limit:
            seat.station.cancel(half.number)
