"""A sidecar: a process that runs calls for the host, one at a time, as the thread that sees to it sees it.

It is started with `subprocess`, and so asks nothing of the program: no guard of `__main__`, no start method, no server
process. It reads frames from one pipe and writes frames to another (see `subpool._schedule.errands`); that its pipe
ends is how it learns that the pool, or the whole program, has ended.
"""

from __future__ import annotations

import os
import sys
from threading import RLock
from time import perf_counter as clock
from typing import TYPE_CHECKING, Any, Final, cast

from subpool._schedule.errands import Frame, read_frame, write_frame
from subpool._schedule.taking import Stoppable
from subpool._wire.payload import Kind, write

if TYPE_CHECKING:
    from collections.abc import Callable
    from subprocess import Popen

    from subpool._schedule.host import Host

__all__ = ["Errand", "Sidecar"]

LEAVE: Final = 1.0
"""Seconds that a process has to end in after its last errand."""


class Errand(Stoppable):
    """A call that a sidecar runs. To set `cancelled` asks it to stop."""

    __slots__ = ("_cancelled", "begin", "begun", "number", "sidecar")

    def __init__(self, sidecar: Sidecar, number: int, begin: Callable[[Errand], None] | None) -> None:
        self.sidecar = sidecar
        self.number = number
        self.begin = begin
        self.begun = clock()
        self.told = 0.0
        self._cancelled = False

    @property
    def cancelled(self) -> bool:
        """Whether it was asked to stop."""
        return self._cancelled

    @cancelled.setter
    def cancelled(self, wanted: bool) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]
        if wanted and not self._cancelled:
            self._cancelled = True
            self.sidecar.stop(self)


class Sidecar:
    """One process; started with its first errand, and anew with the next one after it has died."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._process: Popen[bytes] | None = None
        self._reading = self._writing = -1
        self._path: list[str] = []
        self._current: Errand | None = None
        self._numbers = 0
        self._lock = RLock()
        self._ending = False

    def errand(self, begin: Callable[[Errand], None] | None = None) -> Errand:
        """The next errand; `begin` is called with it when the call begins."""
        self._numbers += 1
        return Errand(self, self._numbers, begin)

    def run(self, errand: Errand, data: bytes) -> tuple[int, bytes]:
        """Have a written call run; the kind and the payload of its outcome.

        Raises:
            OSError: the process cannot be started.
        """
        if self._process is None:
            self._start()
        self._current = errand
        try:
            if errand.cancelled or self._ending:
                return Kind.CANCELLED, b""
            self._tell_path()
            if not self._send(Frame.RUN, errand.number, data):
                return self._lost(errand)
            return self._outcome(errand)
        finally:
            self._current = None

    def _outcome(self, errand: Errand) -> tuple[int, bytes]:
        while True:
            frame = read_frame(self._reading)
            if frame is None:
                return self._lost(errand)
            kind, _, data = frame
            if kind != Frame.BEGUN:
                return kind - Frame.DONE, data
            errand.begun = clock()
            if errand.begin is not None:
                errand.begin(errand)

    def _lost(self, errand: Errand) -> tuple[int, bytes]:
        self._end(0.0)
        return (Kind.CANCELLED if errand.cancelled else Kind.LOST), b""

    # -- from other threads ----------------------------------------------------------------------------------------

    def stop(self, errand: Errand) -> None:
        """Ask the process to stop this errand; if it does not, the process is ended."""
        if self._current is errand:
            self._send(Frame.STOP, errand.number, b"")
            self._host.call_at(clock() + self._host.grace, lambda: self._overstayed(errand))

    def _overstayed(self, errand: Errand) -> None:
        if self._current is errand:
            self._host.crew.lost += 1
            self.kill()

    def dismiss(self) -> None:
        """Stop what runs, and take nothing more."""
        self._ending = True
        current = self._current
        if current is not None:
            current.cancelled = True

    def kill(self) -> None:
        """End the process at once."""
        process = self._process
        if process is not None:
            process.kill()

    # -- the process -------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        import subprocess

        theirs, self._writing = os.pipe()
        self._reading, ours = os.pipe()
        self._path = list(sys.path)
        program = f"import sys; sys.path[:] = {self._path!r}; from subpool._schedule import errands as e; e.main"
        flags: list[str] = cast("Any", subprocess)._args_from_interpreter_flags()
        try:
            self._process = subprocess.Popen(
                [sys.executable, *flags, "-c", f"{program}({theirs}, {ours})"],
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs, ours),
                env={**os.environ, "SUBPOOL_WORKERS": "0"},  # what it forks in turn, it runs itself
                process_group=0,  # Ctrl-C at the terminal is for the program, which then says what to stop
            )
        except BaseException:
            self._close_pipes()
            raise
        finally:
            os.close(theirs)
            os.close(ours)
        self._send(
            Frame.BEGIN,
            0,
            write((sys.getrecursionlimit(), self._host.grace, self._host.plan.initializer, self._host.plan.finalizer)),
        )

    def _tell_path(self) -> None:
        if self._path != sys.path:
            self._path = list(sys.path)
            self._send(Frame.PATH, 0, write(self._path))

    def _send(self, kind: int, number: int, data: bytes) -> bool:
        with self._lock:
            try:
                write_frame(self._writing, kind, number, data)
            except OSError:
                return False
            return True

    def close(self) -> None:
        """End the process, in its own way if it is quick."""
        self._end(LEAVE)

    def _end(self, patience: float) -> None:
        process = self._process
        if process is None:
            return
        self._close_pipes()
        try:
            process.wait(patience)
        except Exception:  # noqa: BLE001 - TimeoutExpired, whose module is imported late
            process.kill()
            process.wait()
        self._process = None

    def _close_pipes(self) -> None:
        with self._lock:
            for fd in (self._reading, self._writing):
                os.close(fd)
            self._reading = self._writing = -1
