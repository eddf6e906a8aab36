"""Where a guest lives: in an interpreter of its own on a thread of this process, or in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from threading import Lock, Thread
from typing import TYPE_CHECKING, Final, Protocol

from subpool._wire import interpreters
from subpool.sandbox.guest import child
from subpool.sandbox.policy import library_folders

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["Body", "InterpreterBody", "ProcessBody", "library_path"]

HOME: Final = str(Path(__file__).resolve().parent.parent.parent)


class Body(Protocol):
    """What a guest lives in. It begins to listen on its descriptors as soon as it is made, and closes them."""

    def leave(self, seconds: float) -> bool:
        """Wait so long for the guest to end by itself, as it does once the host closes the link. Whether it did."""
        ...

    def kill(self) -> bool:
        """End it by force; False where there is no force to be had."""
        ...

    def when_gone(self, action: Callable[[], object]) -> None:
        """Do this as soon as the guest has ended; now, if it has."""
        ...

    def cpu_clock(self, ident: int) -> int | None:
        """The clock that counts the CPU time of a thread of the guest's, 0 for the one that runs calls."""
        ...

    def last_words(self) -> str:
        """How it ended, once it has."""
        ...


def library_path() -> list[str]:
    """The standard library's part of `sys.path`."""
    found: list[str] = []
    for folder in library_folders()[:-1]:
        found += [folder, os.path.join(folder, "lib-dynload")]
    return [folder for folder in dict.fromkeys(found) if os.path.isdir(folder)]


class InterpreterBody:
    """A subinterpreter with its own GIL, on a thread of this process."""

    def __init__(self, name: str, fd: int, stop_fd: int) -> None:
        self.failure: str | None = None
        self._fds = (fd, stop_fd)
        self._lock = Lock()
        self._actions: list[Callable[[], object]] | None = []
        self._thread = Thread(target=self._live, name=f"subpool-sandbox-{name}", daemon=True)
        self._thread.start()

    def _live(self) -> None:
        try:
            interp = interpreters.create()
            try:
                names = {"subpool_path": (HOME, *library_path()), "subpool_fds": self._fds}
                self.failure = interpreters.execute(interp, _be_a_guest, names)
            finally:
                interpreters.destroy(interp)
        except BaseException as error:  # noqa: BLE001 - told to whoever waits for the guest
            self.failure = f"{type(error).__name__}: {error}"
        finally:
            for fd in self._fds:
                os.close(fd)
            with self._lock:
                actions, self._actions = self._actions or [], None
            for action in actions:
                action()

    def when_gone(self, action: Callable[[], object]) -> None:
        """Do this at the end of the guest's thread; now, if that has come."""
        with self._lock:
            if self._actions is not None:
                self._actions.append(action)
                return
        action()

    def leave(self, seconds: float) -> bool:
        """Wait for the guest to end."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def kill(self) -> bool:
        """There is no force to be had: a thread cannot be ended from outside."""
        return False

    def cpu_clock(self, ident: int) -> int | None:
        """The clock of a thread of the guest's; its identifier holds in the whole process."""
        if not hasattr(time, "pthread_getcpuclockid"):
            return None
        return time.pthread_getcpuclockid(ident or self._thread.ident or 0)

    def last_words(self) -> str:
        """What the interpreter said as it ended."""
        return f"its interpreter ended: {self.failure}" if self.failure else "its interpreter ended"


def _be_a_guest() -> None:
    """The body that runs in a guest's `__main__`, where the names that begin with `subpool_` were put before."""
    import sys

    sys.path[:] = subpool_path  # type: ignore[name-defined] # noqa: F821
    from subpool.sandbox.guest.loop import main

    main(*subpool_fds)  # type: ignore[name-defined] # noqa: F821


class ProcessBody:
    """A process of its own, with limits of its own."""

    def __init__(
        self, fd: int, stop_fd: int, environ: Mapping[str, str], memory: int | None, open_files: int | None
    ) -> None:
        numbers = [fd, stop_fd, memory or 0, open_files or 0]
        arguments: Sequence[str] = [sys.executable, "-I", "-S", child.__file__, HOME, *map(str, numbers)]
        try:
            self._process = subprocess.Popen(
                arguments, env=dict(environ), stdin=subprocess.DEVNULL, pass_fds=(fd, stop_fd), close_fds=True
            )
        finally:
            os.close(fd)
            os.close(stop_fd)

    def leave(self, seconds: float) -> bool:
        """Wait for the process to end."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self) -> bool:
        """Kill it."""
        self._process.kill()
        self._process.wait()
        return True

    def when_gone(self, action: Callable[[], object]) -> None:
        """Do this now: whoever asks has killed it."""
        action()

    def cpu_clock(self, ident: int) -> int | None:
        """The clock of the whole process: it runs one call at a time."""
        del ident
        scheduled = 2  # CPUCLOCK_SCHED of Linux, in the clock ids that it makes of process ids
        return (~self._process.pid << 3 | scheduled) if sys.platform == "linux" else None

    def last_words(self) -> str:
        """How the process ended."""
        status = self._process.poll()
        if status is None:
            return "its process closed the link"
        return f"its process was killed by signal {-status}" if status < 0 else f"its process ended with {status}"
