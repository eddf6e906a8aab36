"""Several threads of the host over one half: a scope's owner, and whoever wants the result of one of its tasks.

Guarantees:
    - One of them takes the outcome home. Then the half is public no more, and its slot may serve another half that
      others wait for: so who moves a half wakes all who sleep over it, and nobody waits on for a half that has moved.
    - The slot of a public half names one who sleeps over it, if anybody does: the last to fall asleep. Who leaves its
      sleep hands that on to another sleeper, and wakes that one if the half was done by then.

Assumptions: all of it happens under the lock of the half's seat, except that a thread enters `Owner.waiting` before,
and looks whether the half has moved afterwards. Who moves it reads `Owner.waiting` after that: the GIL orders them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from subpool._schedule.half import HalfState
from subpool._schedule.seat import Fork
from subpool._wire.arena import SlotWord
from subpool._wire.doorbell import ring

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from subpool._schedule.half import Half
    from subpool._schedule.seat import Seat

__all__ = ["announce", "bring_home", "disown", "hand_on", "moved"]


def moved(halves: Iterable[Half]) -> bool:
    """Whether one of these halves, which were public, is so no more."""
    return any(half.state is not HalfState.PUBLIC for half in halves)


def announce(seat: Seat, halves: Sequence[Half], address: int) -> None:
    """Have this doorbell rung when one of these halves is done. A slot that serves another half by now is let alone."""
    if not halves:
        return
    lock = seat.lock
    try:
        lock.acquire()
        for half in halves:
            if half.state is HalfState.PUBLIC:
                seat.words[seat.arena.header(half.number) + SlotWord.WAITER] = address
    finally:
        try:
            lock.release()
        except RuntimeError:
            pass  # it was never acquired


def hand_on(seat: Seat, halves: Sequence[Half], address: int) -> None:
    """Who sleeps no more lets another sleeper be rung, or the courier where a scope's owner wants failures told."""
    if not halves:
        return
    lock, words = seat.lock, seat.words
    try:
        lock.acquire()
        for half in halves:
            at = seat.arena.header(half.number) + SlotWord.WAITER
            if half.state is not HalfState.PUBLIC or words[at] != address:
                continue
            words[at] = heir = next(seat.station.asleep_over(half), 0) or -_alert(half)
            if heir:
                seat.station.fence()  # the heir before the look: its taker has read the one or the other
                if seat.station.arrived(half.number):
                    ring(abs(heir))
    finally:
        try:
            lock.release()
        except RuntimeError:
            pass  # it was never acquired


def _alert(half: Half) -> int:
    return half.fork.alert if isinstance(half.fork, Fork) else 0


def bring_home(seat: Seat, half: Half) -> tuple[int, Any] | None:
    """The kind and the payload of a half's outcome, for one of those who ask; None: another had it, or nobody yet."""
    if not seat.station.arrived(half.number):
        return None
    lock = seat.lock
    try:
        lock.acquire()
        if half.state is not HalfState.PUBLIC:
            return None
        outcome = seat.station.outcome(half.number)
        seat.release(half)
        return outcome
    finally:
        try:
            lock.release()
        except RuntimeError:
            pass  # it was never acquired


def disown(seat: Seat, half: Half) -> None:
    """Wait no longer for a half that does not come home: its slot is freed when it is done."""
    lock = seat.lock
    try:
        lock.acquire()
        if half.state is HalfState.PUBLIC:
            half.state = HalfState.HOME
            seat.station.orphan(seat, half)
            seat.station.moved(half)
    finally:
        try:
            lock.release()
        except RuntimeError:
            pass  # it was never acquired
