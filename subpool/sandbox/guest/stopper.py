"""The guest's courier: hears on a descriptor of its own that a call is to stop, while the call runs."""

from __future__ import annotations

import os
from select import POLLIN, poll
from struct import Struct
from threading import Thread, get_ident
from typing import TYPE_CHECKING, Any, Final

from subpool._schedule.interrupt import Interrupter, Stoppable

if TYPE_CHECKING:
    from collections.abc import Callable

    from subpool._schedule.libraries import Libraries

__all__ = ["NUMBER", "Stopper"]

NUMBER: Final = Struct("=Q")
"""A request to stop: the number of the call."""


class Stopper:
    """Stops calls by number, and what plugins' own threads still do when the guest ends."""

    def __init__(self, fd: int, libraries: Libraries, orphaned: Callable[[], None] | None = None) -> None:
        """Listen on this descriptor; `orphaned` is called when nobody is at its other end any more."""
        self._orphaned = orphaned
        self._fd = fd
        self._stacks: dict[int, list[Stoppable]] = {}
        self._interrupter = Interrupter(self._stacks, libraries)
        self._interrupter._tool_found()  # before the policy is in force
        self._stopped: int | None = None
        self._current: dict[int, Stoppable] = {}
        self._thread = Thread(target=self._run, name="subpool-stopper")

    @property
    def ident(self) -> int | None:
        """The thread that listens."""
        return self._thread.ident

    def start(self) -> None:
        """Begin to listen."""
        os.set_blocking(self._fd, False)
        self._thread.start()

    def begin(self, number: int) -> Stoppable:
        """The calling thread begins a call, which may have been stopped already."""
        task = Stoppable()
        self._current[number] = task
        task.cancelled = self._stopped == number
        self._stacks[get_ident()] = [task]
        return task

    def end(self, number: int) -> None:
        """The calling thread is through with it."""
        self._stacks.pop(get_ident(), None)
        self._current.pop(number, None)
        if self._interrupter.armed:
            self._interrupter.settle()

    def stopping(self) -> bool:
        """Whether the call of this thread is to stop."""
        return any(task.cancelled for task in self._stacks.get(get_ident(), ()))

    def stop_others(self, idents: list[int]) -> None:
        """Have these threads stop at their next loop or call, since the guest ends."""
        for ident in idents:
            task = Stoppable()
            task.cancelled = True
            self._stacks[ident] = [task]
        self._interrupter.check()

    def close(self) -> None:
        """End; the link has been closed by the host, which wakes the thread."""
        self._thread.join()
        self._interrupter.close()

    def _run(self) -> None:
        poller = poll()
        poller.register(self._fd, POLLIN)
        pause: float | None = None
        while True:
            poller.poll(None if pause is None else pause * 1e3)
            try:
                data = os.read(self._fd, NUMBER.size)
            except BlockingIOError:
                data = None
            if data is not None and len(data) < NUMBER.size:
                self._say_that_it_left()
                if self._orphaned is not None:
                    self._orphaned()
                return
            if data is not None:
                self._stop(*NUMBER.unpack(data))
            pause = self._interrupter.check()

    def _say_that_it_left(self) -> None:
        """Let the host see that this interpreter's GIL can be had."""
        try:
            os.write(self._fd, b"!")
        except OSError:
            pass  # the host has no ear for it any more

    def _stop(self, number: int) -> None:
        self._stopped = number
        task: Any = self._current.get(number)
        if task is not None:
            task.cancelled = True
