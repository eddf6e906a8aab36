"""Waiting for what others took: help in scope, ask, then sleep.

The sleeper's protocol (see PROTOCOL.md, *announce and look again*): write the doorbell into the slot, pass the fence,
look once more, sleep. Whoever finishes or publishes does it in the other order, so one of the two sees the other.
"""

from __future__ import annotations

from threading import get_ident
from time import perf_counter as clock
from typing import TYPE_CHECKING, Final

from subpool._schedule.interrupt import heed
from subpool._schedule.seat import DONE, PHASE
from subpool._schedule.sharing import announce, hand_on, moved
from subpool._schedule.taking import GONE, decline, descends, perform
from subpool._wire.arena import SeatWord, SlotWord, Stat
from subpool._wire.doorbell import ring
from subpool._wire.interpreters import count, get

if TYPE_CHECKING:
    from collections.abc import Sequence

    from subpool._schedule.half import Half
    from subpool._schedule.seat import Seat
    from subpool._schedule.taking import Stoppable

__all__ = ["wait"]

SPIN: Final = 100e-6
"""Seconds a waiting thread looks around before it sleeps."""
HEADROOM: Final = 60
DEEPEST: Final = 24
"""How many tasks a waiting thread stacks upon each other by helping."""


def wait(
    seat: Seat,
    numbers: Sequence[int],
    until: float | None = None,
    *,
    stoppable: bool = True,
    shared: Sequence[Half] = (),
) -> bool:
    """Help with what serves these published numbers, then sleep, until one of them is done; False: `until` came first.

    Where other threads may wait for the same, `shared` has the halves with these numbers: then it is also over when one
    of them is public no more.

    Raises:
        TaskCancelled: the task that waits was itself asked to stop, or the deadline of a block that it waits in is over
            (unless it is not `stoppable`).
    """
    words, cells = seat.words, [seat.arena.cell(number) for number in numbers]
    targets = tuple(numbers)
    stack = seat.station.stoppable() if stoppable else ()
    asked = 0.0
    spin_end = clock() + SPIN * seat.station.patience
    while True:
        for cell in cells:
            if words[cell] & PHASE == DONE or words[cell + SlotWord.CANCEL] == GONE:
                count(seat.channel)  # fence: the outcome is read after the word that announced it
                return True
        if shared and moved(shared):
            return True
        heed(stack)
        if seat.depth < DEEPEST and _help(seat, targets):
            spin_end = clock() + SPIN * seat.station.patience
            continue
        now = clock()
        if until is not None and now >= until:
            return False
        if now >= asked:
            asked = now + seat.arena.beat[0] * 1e-6
            _ask(seat, _family(seat, targets))
        if now >= spin_end:
            _sleep(seat, targets, cells, stack, until, shared)
            spin_end = clock() + SPIN / 2 * seat.station.patience


def _help(seat: Seat, targets: tuple[int, ...]) -> bool:
    """Run one published half that descends from what is waited for. Whether there was one."""
    public = seat.arena.public
    for other in range(seat.arena.seats):
        stamp = public[other]
        if stamp == seat.seen[other] or other == seat.index:
            continue
        at = seat.arena.seat(other)
        if not descends(seat, seat.words[at + SeatWord.BUSY], targets):
            continue
        if not _headroom(HEADROOM):
            return False
        helper = seat.station.begin_helping(seat)
        if helper is None:
            return False
        try:
            if _take(helper, seat, at, stamp, other, targets):
                return True
        finally:
            seat.station.end_helping(seat, helper)
    return False


def _headroom(frames: int) -> bool:
    """Whether so many calls deeper would still be well: a task that overflows the stack half-way is lost."""
    try:
        return frames == 0 or _headroom(frames - 1)
    except RecursionError:
        return False


def _take(helper: Seat, seat: Seat, at: int, stamp: int, other: int, targets: tuple[int, ...]) -> bool:
    try:
        item = get(seat.words[at + SeatWord.CHANNEL])[0]
    except RuntimeError:
        seat.seen[other] = stamp
        return False
    number = item if type(item) is int else item[0]
    tag = seat.words[seat.arena.header(number) + SlotWord.PARENT]
    if not descends(seat, tag, targets):
        decline(helper, item)  # its seat had moved on to another scope between the look and the get
        return True
    helper.stats[Stat.HELPED] += 1
    perform(helper, item)
    return True


def _family(seat: Seat, targets: tuple[int, ...]) -> list[int]:
    """The seats that serve these targets now, as far as the board tells."""
    words, arena = seat.words, seat.arena
    others = (other for other in range(arena.seats) if other != seat.index)
    return [other for other in others if descends(seat, words[arena.seat(other) + SeatWord.BUSY], targets)]


def _ask(seat: Seat, family: list[int]) -> None:
    for other in family:
        seat.words[seat.arena.seat(other) + SeatWord.REQUEST] = 1


def _sleep(
    seat: Seat,
    targets: tuple[int, ...],
    cells: list[int],
    stack: Sequence[Stoppable],
    until: float | None,
    shared: Sequence[Half],
) -> None:
    """Sleep until one of the targets is done, or somebody published for them, or whoever waits must stop."""
    words, arena, station = seat.words, seat.arena, seat.station
    bell = seat.bell or station.borrow_bell()
    headers = [] if shared else [arena.header(number) for number in targets]
    ident = get_ident()
    try:
        bell.hush()
        for header in headers:
            words[header + SlotWord.WAITER] = bell.address
        station.sleepers[ident] = bell.address
        station.waiting[bell.address] = shared
        announce(seat, shared, bell.address)
        count(seat.channel)  # fence: the announcement before the last look
        family = _family(seat, targets)
        _ask(seat, family)
        if any(words[cell] & PHASE == DONE or words[cell + SlotWord.CANCEL] == GONE for cell in cells):
            return
        if moved(shared) or _anything(seat, family):
            return
        for other in family:
            ring(words[arena.seat(other) + SeatWord.COURIER])
        if not any(running.cancelled for running in stack):
            seat.stats[Stat.SLEEPS] += 1
            bell.sleep(None if until is None else max(0.0, until - clock()))
            seat.stats[Stat.WAKES] += 1
    finally:
        station.sleepers.pop(ident, None)
        station.waiting.pop(bell.address, None)
        hand_on(seat, shared, bell.address)
        for header in headers:
            words[header + SlotWord.WAITER] = 0
        if bell is not seat.bell:
            station.return_bell(bell)


def _anything(seat: Seat, family: list[int]) -> bool:
    """Whether something stands on a channel of the family that was not looked at yet."""
    words, arena = seat.words, seat.arena
    fresh = (other for other in family if arena.public[other] != seat.seen[other])
    return any(count(words[arena.seat(other) + SeatWord.CHANNEL]) for other in fresh)
