"""A bundle: the halves of one fork of any width, handed out from the far end and run from the near one."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from subpool._schedule.half import Half, HalfState
from subpool._schedule.seat import Fork

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from subpool._schedule.seat import Seat

__all__ = ["Bundle"]


class Bundle(Fork):
    """Halves in order. The owner takes the nearest, a publisher the farthest, so the two meet once."""

    __slots__ = ("_drawn", "_kept", "_left", "_size")

    def __init__(self, calls: Iterable[Callable[[], Any]] = (), first: int = 0) -> None:
        """Bundle these callables, the first of them at place `first`."""
        self._left = deque(Half(call, self, place) for place, call in enumerate(calls, first))
        self.alert: int = 0
        self._size: int = first + len(self._left)
        self._kept: list[Half] = []
        self._drawn: list[Half] = []

    def add(self, call: Callable[[], Any]) -> Half:
        """Append one more half."""
        half = Half(call, self, self._size)
        self._size += 1
        self._left.append(half)
        return half

    def draw(self) -> Half | None:
        """Take the farthest private half, to be published."""
        try:
            half = self._left.pop()
        except IndexError:
            return None
        half.state = HalfState.WRITING  # before it is listed: what is listed and private counts as over
        self._drawn.append(half)
        return half

    def keep(self, half: Half) -> None:
        """Give a drawn half back for good: it cannot cross."""
        self._kept.append(half)

    def remove(self, half: Half) -> bool:
        """Take this very half out, if it is private still."""
        for private in (self._left, self._kept):
            try:
                private.remove(half)
            except ValueError:
                continue
            return True
        return False

    def close(self) -> None:
        """The fork is over: nothing of it may go out any more."""
        self._left.clear()

    def next(self, seat: Seat) -> Half | None:
        """The nearest half that the owner may run itself: private, or taken back from the channel."""
        try:
            return self._left.popleft()
        except IndexError:
            pass
        lock = seat.lock
        try:
            lock.acquire()
            if self._kept:
                return self._kept.pop()
            for half in self._drawn:
                if half.state is HalfState.WRITING and seat.revoke(half):
                    return half
            return seat.take_back(self)
        finally:
            try:
                lock.release()
            except RuntimeError:
                pass  # it was never acquired

    def watch(self, seat: Seat, address: int) -> None:
        """Have this doorbell rung when a half fails that others have, or get from now on."""
        lock = seat.lock
        try:
            lock.acquire()  # a publisher has looked at `alert` and not listed its half, or has done neither
            self.alert = address
            for half in self.outstanding:
                seat.station.alert(half.number, address)
        finally:
            try:
                lock.release()
            except RuntimeError:
                pass  # it was never acquired

    @property
    def private(self) -> bool:
        """Whether some halves may still go out."""
        return bool(self._left)

    @property
    def unfinished(self) -> list[Half]:
        """The halves that others have, may take, or are about to put out."""
        return [half for half in list(self._drawn) if half.state in (HalfState.PUBLIC, HalfState.WRITING)]

    @property
    def outstanding(self) -> list[Half]:
        """The halves that others have, or may take; empty, once `next` gave None, when all are home."""
        out: list[Half] = []
        for half in list(self._drawn):  # the courier may draw at the same time: no other list takes its place
            if half.state is HalfState.PUBLIC:
                out.append(half)
            elif half.state is not HalfState.WRITING:
                with suppress(ValueError):
                    self._drawn.remove(half)
        return out
