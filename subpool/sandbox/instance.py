"""An instance: one guest with a plugin loaded in it, seen from the host. It runs one call at a time."""

from __future__ import annotations

import socket
from time import perf_counter as clock
from typing import TYPE_CHECKING, Final

import msgspec

from subpool._wire.doorbell import Doorbell, ring
from subpool.errors import PluginError
from subpool.sandbox.body import InterpreterBody, ProcessBody
from subpool.sandbox.boundary import Described, Function
from subpool.sandbox.guest.stopper import NUMBER
from subpool.sandbox.link import Ended, Link, Say, TooLarge
from subpool.sandbox.request import Call, Watch, Why

if TYPE_CHECKING:
    from collections.abc import Callable

    from subpool.sandbox.body import Body
    from subpool.sandbox.hearing import Report
    from subpool.sandbox.link import Frame
    from subpool.sandbox.settings import Settings

    Hear = Callable[[int, bytes, Callable[[Report], object] | None], object]

__all__ = ["Instance", "Lost"]

GRACE: Final = 2.0
"""Seconds that a call has to stop in before its instance is given up."""
PROMPT: Final = 0.3
"""The same after Ctrl-C."""
ENDING: Final = 3.0
"""Seconds that a guest has to end in when nothing runs in it."""
OVERHEAD: Final = 1 << 20
"""Bytes that a frame may have beyond the largest result: logs, reports, descriptions of errors."""
OUTCOMES: Final = frozenset((Say.RESULT, Say.ERROR, Say.MISFIT, Say.STOPPED))


class Lost(Exception):  # noqa: N818 - for the sandbox, which makes of it what the caller sees
    """The guest is gone, or does not come back, or says what no guest may say."""


class Instance:
    """One guest."""

    def __init__(self, settings: Settings, hear: Hear) -> None:
        """Start a guest and load the plugin.

        Args:
            settings: what the guest is told, and where it lives.
            hear: takes what a guest says while it works: kind, content, and the call's own receiver of reports.

        Raises:
            PluginError: the plugin could not be loaded.
        """
        self.functions: dict[str, Function] = {}
        self._hear = hear
        self._number = 0
        self._job_clock: int | None = None
        self._bell = Doorbell()
        self.broken: bool = False
        ours, theirs = socket.socketpair()
        self._stop_socket, their_stop = socket.socketpair()
        self._link = Link(ours.detach(), settings.max_result + OVERHEAD)
        self._link.watch(self._bell.descriptors[0])
        self._body: Body = self._make_body(settings, theirs.detach(), their_stop.detach())
        try:
            self._load(settings)
        except BaseException:
            self.close(0.0 if self.broken else ENDING)
            raise
        self._main_clock = self._body.cpu_clock(0)

    @staticmethod
    def _make_body(settings: Settings, fd: int, stop_fd: int) -> Body:
        if settings.isolation == "process":
            return ProcessBody(fd, stop_fd, settings.environ, settings.memory, settings.open_files)
        return InterpreterBody(settings.plugin, fd, stop_fd)

    def _load(self, settings: Settings) -> None:
        until = clock() + settings.load_timeout
        try:
            self._link.send(Say.SETUP, 0, msgspec.json.encode(settings.written()), until)
            ready = self._await_ready(until, f"it took more than {settings.load_timeout:g} s to load")
        except (Ended, TooLarge, TimeoutError, msgspec.DecodeError) as error:
            raise PluginError(f"could not be started: {self._reason(error)}", plugin=settings.plugin) from None
        if ready.failure is not None:
            raise ready.failure.error(settings.plugin, "")
        self.functions = {each.name: each for each in ready.functions}

    def _await_ready(self, until: float, complaint: str) -> Ready:
        stopped = False
        while True:
            frame = self._link.receive(until)
            if frame is None and stopped:
                self.broken = True
                raise TimeoutError(complaint)
            if frame is None:
                stopped, until = True, clock() + GRACE
                self._stop(0)
            elif frame[0] == Say.READY:
                if stopped:
                    raise TimeoutError(complaint)
                return msgspec.json.decode(frame[2], type=Ready)
            else:
                self._hear(frame[0], frame[2], None)

    def _reason(self, error: Exception) -> str:
        """Why the guest is gone, in its body's words if it has ended."""
        if isinstance(error, Ended):
            self._body.leave(1.0)
            return self._body.last_words()
        return str(error)

    # -- calls -----------------------------------------------------------------------------------------------------

    def run(self, call: Call) -> tuple[int, bytes]:
        """Run a call: what its outcome is, and the content.

        Raises:
            Lost: the guest is gone, or does not come back; this instance is of no use any more.
        """
        self._number += 1
        kind = Say.JOB if call.background else Say.CALL
        content = b"%b\0%b" % (call.function.encode(), call.data)
        call.nudge = self._nudge
        try:
            self._link.send(kind, self._number, content, clock() + GRACE if call.until is None else call.until + GRACE)
            return self._await(call)
        except (Ended, TooLarge, TimeoutError, msgspec.DecodeError) as error:
            self.broken = True
            raise Lost(self._reason(error)) from None
        except BaseException:
            self._drop(call)
            raise
        finally:
            call.nudge = None

    def _nudge(self) -> None:
        ring(self._bell.address)

    def _await(self, call: Call) -> tuple[int, bytes]:
        watch = Watch(call, GRACE, self._job_clock if call.background else self._main_clock)
        while True:
            frame = self._link.receive(watch.look)
            outcome = None if frame is None else self._take(frame, call, watch)
            if outcome is not None:
                return outcome
            if frame is None or watch.due:  # a guest that talks all the time is no reason to wait for ever
                self._bell.hush()
                if watch.expired():
                    raise TimeoutError(f"it did not stop within {GRACE:g} s")
                if watch.has_to_stop():
                    self._stop(self._number)

    def _take(self, frame: Frame, call: Call, watch: Watch) -> tuple[int, bytes] | None:
        """Take a frame; kind and content, if it is the outcome."""
        kind, number, content = frame
        if kind in OUTCOMES:
            return (kind, content) if number == self._number else None
        if kind == Say.BEGUN:
            self._job_clock = self._body.cpu_clock(msgspec.json.decode(content, type=int))
            watch.use(self._job_clock)
        else:
            self._hear(kind, content, call.on_report)
        return None

    def _stop(self, number: int) -> None:
        try:
            self._stop_socket.send(NUMBER.pack(number), socket.MSG_DONTWAIT)
        except OSError:
            pass  # it is gone, or has been told thousands of times

    def _drop(self, call: Call) -> None:
        """The caller goes, by Ctrl-C say: stop the call, and wait for as long as it answers quickly."""
        self._stop(self._number)
        until = clock() + PROMPT
        try:
            while clock() < until:
                frame = self._link.receive(until)
                self._bell.hush()
                if frame is not None and frame[0] in OUTCOMES and frame[1] == self._number:
                    return
        except (Ended, TooLarge):
            pass
        self.broken = True
        call.why = Why.CANCELLED

    # -- the end ---------------------------------------------------------------------------------------------------

    def close(self, seconds: float = ENDING) -> bool:
        """Let the guest go, and wait so long for it. Whether it is gone."""
        self._link.close()
        try:
            self._stop_socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the guest was quicker
        gone = self._body.leave(seconds) or self._body.kill()
        self._bell.close()
        self._body.when_gone(self._stop_socket.close)
        return gone

    @property
    def frozen(self) -> bool:
        """Whether a guest that does not end holds its GIL for good: nothing in it can answer."""
        try:
            self._stop_socket.settimeout(0.2)
            self._stop_socket.shutdown(socket.SHUT_WR)
        except OSError:
            return False  # it is gone after all
        try:
            return not self._stop_socket.recv(1)
        except OSError:
            return True

    def kill(self) -> bool:
        """End a guest at once, if that can be done from outside. Whether it could."""
        return self._body.kill()

    def gone(self) -> bool:
        """Whether a guest that was closed has ended by now."""
        return self._body.leave(0)


class Ready(msgspec.Struct):
    """What a guest says once it has loaded the plugin, or failed to."""

    functions: list[Function] = []
    failure: Described | None = None
