"""The guest: sets itself up as the host says, loads the plugin, and runs call after call until it is let go."""

from __future__ import annotations

import os
import sys
import threading
from queue import SimpleQueue
from time import perf_counter
from typing import TYPE_CHECKING, Any

from subpool import plugin as face
from subpool._schedule.libraries import Libraries
from subpool.errors import TaskCancelled
from subpool.sandbox.guest.codec import Unwritable, read, write
from subpool.sandbox.guest.convert import Misfit
from subpool.sandbox.guest.denial import Denials
from subpool.sandbox.guest.failure import describe
from subpool.sandbox.guest.offer import load, offered
from subpool.sandbox.guest.stopper import Stopper
from subpool.sandbox.guest.voice import Voice
from subpool.sandbox.link import Ended, Link, Say

if TYPE_CHECKING:
    from collections.abc import Callable

    from subpool.sandbox.guest.offer import Offered

__all__ = ["main"]

NICE = 10
"""By how much jobs stand back behind all else, where the system can tell threads apart."""
LEAVE = 1.0
"""Seconds that threads of the plugin's own have to end in, when the guest does."""
UNTOLD = b'{"type_name":"","message":"what came of it could not be told","traceback_text":""}'
"""What is sent for an outcome that cannot be described."""
SWITCH = 0.0003
"""Seconds: a guest's switch interval, so that its stopper answers quickly."""


def main(fd: int, stop_fd: int, orphaned: Callable[[], None] | None = None) -> None:
    """Be a guest until the host closes the link. Called once per interpreter, or process.

    Args:
        fd: the link.
        stop_fd: where the host says which call is to stop.
        orphaned: called when the host is gone from there.

    The descriptors are the caller's to close, who can tell when nobody uses them any more.
    """
    link = Link(fd)
    try:
        first = link.receive()
    except Ended:
        return
    assert first is not None
    Guest(link, stop_fd, read(first[2]), orphaned).live()


class Guest:
    """One interpreter with one plugin in it."""

    def __init__(
        self, link: Link, stop_fd: int, settings: dict[str, Any], orphaned: Callable[[], None] | None = None
    ) -> None:
        self.settings = settings
        self.denials: Denials = Denials()
        self.link = link
        self.voice: Voice = Voice(link, self.denials)
        self.stopper: Stopper = Stopper(stop_fd, Libraries(settings["stdlib"]), orphaned)
        self._read, self._write = _codec(settings["codec"])
        self.functions: dict[str, Offered] = {}
        self.failure: dict[str, Any] | None = None
        self._jobs: SimpleQueue[tuple[int, bytes] | None] | None = None
        self._job_thread: threading.Thread | None = None
        self._own = {threading.get_ident()}

    # -- life ------------------------------------------------------------------------------------------------------

    def live(self) -> None:
        """Set up, load, serve."""
        self._furnish()
        self.stopper.start()
        try:
            self._load()
            self._serve()
        except Ended:
            pass
        finally:
            self._leave()

    def _furnish(self) -> None:
        # Now what is compiled is still kept for the next guest.
        from subpool.sandbox.guest import guards, hook  # noqa: F401 # pyright: ignore[reportUnusedImport]

        settings = self.settings
        sys.setswitchinterval(SWITCH)
        sys.setrecursionlimit(settings["recursion_limit"])
        sys.dont_write_bytecode = True
        sys.path[:] = settings["path"]
        sys.path_importer_cache.clear()
        self.voice.take_streams()
        face._host.report = self._report
        face._host.stopping = self.stopper.stopping

    def _report(self, fraction: float, message: str) -> None:
        self.voice.report(fraction, message)

    def _load(self) -> None:
        """Put the policy in force, and only then run the plugin's first line."""
        settings = self.settings
        self._bar()
        self.stopper.begin(0)
        try:
            module = load(settings["module"], settings["file"], settings["search"])
            self.functions = offered(module, settings["functions"])
            ready: dict[str, Any] = {"functions": [each.described() for each in self.functions.values()]}
        except BaseException as error:  # noqa: BLE001 - whatever the plugin's code raises is told
            ready = {"failure": describe(error)}
        finally:
            self.stopper.end(0)
        self._flush()
        self.voice.say(Say.READY, write(ready))

    def _bar(self) -> None:
        """Put the policy in force. Nothing of it is left where frames or modules would lead the plugin to it."""
        from subpool.sandbox.guest import guards, hook

        policy = self.settings["policy"]
        guards.furnish(self.settings["environ"])
        refused, self.denials.drain = hook.install(policy)
        guards.install(policy["subprocess"], refused)

    def _serve(self) -> None:
        while True:
            frame = self.link.receive()
            if frame is None:
                continue
            kind, number, content = frame
            if kind == Say.JOB:
                self._background((number, content))
            else:
                self._perform(number, content)

    def _leave(self) -> None:
        """End: the job thread, and whatever threads the plugin has started and not joined."""
        if self._jobs is not None and self._job_thread is not None:
            self._jobs.put(None)
            self._job_thread.join()
        main, own = threading.main_thread(), {*self._own, self.stopper.ident}
        others = [each for each in threading.enumerate() if each is not main and each.ident not in own]
        self.stopper.stop_others([each.ident for each in others if each.ident is not None])
        until = perf_counter() + LEAVE
        for each in others:
            each.join(max(0.0, until - perf_counter()))
        self.stopper.close()

    # -- calls -----------------------------------------------------------------------------------------------------

    def _perform(self, number: int, content: bytes) -> None:
        """Run one call, and send its outcome."""
        self.voice.number = number
        name, _, data = content.partition(b"\0")
        task = self.stopper.begin(number)
        try:
            kind, outcome = (Say.STOPPED, b"") if task.cancelled else self._outcome(name.decode(), data)
        except TaskCancelled:
            kind, outcome = Say.STOPPED, b""
        except BaseException:  # noqa: BLE001 - the plugin has damaged what its outcome is told by
            kind, outcome = Say.ERROR, UNTOLD
        finally:
            self.stopper.end(number)
        self._flush()
        self.voice.say(kind, outcome)

    def _flush(self) -> None:
        try:
            self.voice.flush()
        except Ended:
            raise
        except BaseException:  # noqa: BLE001 - what the plugin has put in the place of streams, or of `logging`
            pass

    def _outcome(self, name: str, data: bytes) -> tuple[int, bytes]:
        try:
            function = self.functions[name]
            args = self._read(data)
            function.fits(len(args))
            args = function.arguments(args)
        except Misfit as misfit:
            return Say.MISFIT, write({"path": misfit.path, "message": str(misfit)})
        except Exception as error:  # noqa: BLE001 - a converter of the plugin's own
            return Say.ERROR, write(describe(error))
        try:
            return self._written(function.function(*args))
        except TaskCancelled:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever the plugin's code raises is told
            return Say.ERROR, write(describe(error))

    def _written(self, value: Any) -> tuple[int, bytes]:
        try:
            data = self._write(value)
        except Unwritable as error:
            return Say.MISFIT, write({"path": error.path, "message": str(error)})
        most = self.settings["max_result"]
        if len(data) > most:
            return Say.ERROR, write(too_large(len(data), most))
        return Say.RESULT, data

    # -- background ------------------------------------------------------------------------------------------------

    def _background(self, job: tuple[int, bytes]) -> None:
        """Have the job thread run it: a thread's niceness can be raised by anybody, and lowered by nobody."""
        if self._jobs is None:
            self._jobs = SimpleQueue()
            self._job_thread = threading.Thread(target=self._run_jobs, args=(self._jobs,), name="subpool-jobs")
            self._job_thread.start()
        self._jobs.put(job)

    def _run_jobs(self, jobs: SimpleQueue[tuple[int, bytes] | None]) -> None:
        self._own.add(threading.get_ident())
        stand_back()
        self.voice.say(Say.BEGUN, write(threading.get_ident()))
        while (job := jobs.get()) is not None:
            try:
                self._perform(*job)
            except Ended:
                return


def _codec(name: str) -> tuple[Any, Any]:
    """How to read and write values."""
    if name == "json":
        return read, write
    from subpool.sandbox.guest import packed

    return packed.read, packed.write


_setpriority = getattr(os, "setpriority", None)  # bound before the policy takes it away


def stand_back() -> None:
    """Lower the priority of the calling thread, where the system has priorities for threads: on Linux."""
    if sys.platform == "linux" and _setpriority is not None:
        thread = threading.get_native_id()
        _setpriority(os.PRIO_PROCESS, thread, min(19, os.getpriority(os.PRIO_PROCESS, thread) + NICE))


def too_large(size: int, most: int) -> dict[str, Any]:
    """The description of a result that is refused."""
    return {
        "type_name": "",
        "message": f"the result has {size:,} bytes, which is over max_result ({most:,})",
        "traceback_text": "",
        "violation": False,
    }
