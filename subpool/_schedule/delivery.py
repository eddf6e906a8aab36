"""The delivery thread of the host: callbacks, asyncio wake-ups, and what workers print, log and warn of.

It runs code of the user's (callbacks, logging handlers), so nothing that a task waits for depends on it, except where a
thread waits through `concurrent.futures`.
"""

from __future__ import annotations

import sys
from collections import deque
from functools import partial
from threading import RLock, Thread, get_ident
from typing import TYPE_CHECKING, Any

from subpool._schedule import relay
from subpool._wire.doorbell import Doorbell, ring
from subpool._wire.interpreters import count, get

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Delivery"]


class Delivery:
    """One thread, its doorbell, and the queue on which workers relay."""

    def __init__(self, queue: int, feed: Callable[[], object]) -> None:
        """Deliver from this queue; `feed` takes home the jobs that are done."""
        self.bell: Doorbell = Doorbell()
        self.ident: int | None = None
        self._queue = queue
        self._feed = feed
        self._actions: deque[Callable[[], object]] = deque()
        self._ending = False
        self._turn = RLock()
        self._busy = False
        self._over = False
        self._thread = Thread(target=self._run, name="subpool-delivery", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()
        self.ident = self._thread.ident

    def add(self, action: Callable[[], object]) -> None:
        """Have something run on the delivery thread."""
        self._actions.append(action)
        ring(self.bell.address)

    def close(self) -> None:
        """Deliver what is left, and end. Its doorbell stays: the caller closes it."""
        self._ending = True
        ring(self.bell.address)
        if get_ident() != self.ident:
            self._thread.join()
        self._deliver()
        self._over = True

    def _run(self) -> None:
        while not self._ending:
            self.bell.sleep()
            self._deliver()

    def _deliver(self) -> None:
        self._feed()
        self.catch_up()  # before the callbacks: what a task has printed precedes them
        while True:
            try:
                action = self._actions.popleft()
            except IndexError:
                break
            self._guarded(action)

    def catch_up(self) -> None:
        """Deliver what workers have printed, logged and warned of so far; called before a result is given out, too."""
        turn = self._turn
        while not self._over and (self._busy or count(self._queue)):
            try:
                turn.acquire()  # whoever has a message in hand is waited for
                self._busy = True
                message = get(self._queue)[0]
                self._guarded(partial(relay.receive, message))
            except RuntimeError:
                return
            finally:
                self._busy = False
                try:
                    turn.release()
                except RuntimeError:
                    pass  # it was never acquired

    @staticmethod
    def _guarded(action: Callable[[], Any]) -> None:
        try:
            action()
        except BaseException as error:  # noqa: BLE001 - there is nobody to raise to; say it as a thread would
            sys.excepthook(type(error), error, error.__traceback__)
