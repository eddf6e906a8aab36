"""A link: frames of bytes between a host and a guest, whether the guest is an interpreter or a process.

A pair of connected sockets carries them, by descriptor. Nothing is shared, so nothing is left over when one side ends,
and a guest that is gone is the end of the stream. Readers sleep at once: where both sides look around for a moment
instead, a round trip takes up to ten times as long on a busy machine, as the kernel wakes one where the other goes to
sleep. A frame is its length, its kind, the number of the call that it belongs to, and its content. Both sides import
this module: it stands on the standard library alone.
"""

from __future__ import annotations

import os
from enum import IntEnum
from select import POLLIN, POLLOUT, poll
from struct import Struct
from time import perf_counter as clock
from typing import Final

__all__ = ["Ended", "Frame", "Link", "Say", "TooLarge"]

HEAD: Final = Struct("=QBQ")
PIECE: Final = 1 << 16
WHOLE: Final = 1 << 14
"""Up to this size a frame is copied behind its head, to go out in one piece."""


class Say(IntEnum):
    """What a frame says."""

    SETUP = 0  # to the guest: who it is, as JSON
    CALL = 1  # to the guest: the function's name, a zero byte, the arguments
    JOB = 2  # to the guest: the same, at background priority
    READY = 3  # from here on to the host: loaded; the functions, as JSON
    RESULT = 4  # what the function returned
    ERROR = 5  # what it raised, described as JSON
    MISFIT = 6  # an argument or the result has a type that does not fit, described as JSON
    STOPPED = 7  # it was stopped
    REPORT = 8  # how far it has come, as JSON; the call goes on
    LOG = 9  # a log record or what it printed, as JSON; the call goes on
    DENIED = 10  # what the policy refused, as JSON; the call goes on
    BEGUN = 11  # the thread that runs jobs has begun; its identifier, as JSON


class Ended(Exception):  # noqa: N818 - that the other side ended is for the reader to judge
    """The other side is gone."""


class TooLarge(Exception):  # noqa: N818 - as above
    """A frame is announced that is larger than allowed."""


Frame = tuple[int, int, bytes]
"""Kind, number, content."""


class Link:
    """One side of a link. One thread at a time reads, one at a time writes."""

    def __init__(self, fd: int, limit: int | None = None) -> None:
        """Use this descriptor, and own it; refuse frames that are larger than `limit`."""
        os.set_blocking(fd, False)
        self.fd: int = fd
        self.limit: int | None = limit
        self._buffer = bytearray()
        self._poll = poll()
        self._poll.register(fd, POLLIN)
        self._write_poll = poll()
        self._write_poll.register(fd, POLLOUT)

    def watch(self, fd: int) -> None:
        """Have `receive` return when this descriptor can be read, too."""
        self._poll.register(fd, POLLIN)

    def close(self) -> None:
        """Close the descriptor, which tells the other side."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)

    # -- sending ---------------------------------------------------------------------------------------------------

    def send(self, kind: int, number: int, content: bytes = b"", until: float | None = None) -> None:
        """Send a frame.

        Raises:
            Ended: the other side is gone.
            TimeoutError: it did not take the frame until this time of the clock.
        """
        head = HEAD.pack(len(content), kind, number)
        if len(content) <= WHOLE:
            self._write(head + content, until)
        else:
            self._write(head, until)
            self._write(content, until)

    def _write(self, data: bytes, until: float | None) -> None:
        try:
            sent = os.write(self.fd, data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            raise Ended(str(error)) from error
        if sent < len(data):
            self._write_rest(memoryview(data), sent, until)

    def _write_rest(self, data: memoryview, sent: int, until: float | None) -> None:
        while sent < len(data):
            if not self._write_poll.poll(_milliseconds(until)) and until is not None and clock() >= until:
                raise TimeoutError("the other side takes nothing")
            try:
                sent += os.write(self.fd, data[sent:])
            except BlockingIOError:
                continue
            except OSError as error:
                raise Ended(str(error)) from error

    # -- receiving -------------------------------------------------------------------------------------------------

    def receive(self, until: float | None = None) -> Frame | None:
        """The next frame; None if a descriptor that is watched can be read, or until this time of the clock.

        Raises:
            Ended: the other side is gone.
            TooLarge: the frame is larger than the limit. Nothing more can be received.
        """
        frame = self._whole()
        while frame is None:
            ready = self._poll.poll(_milliseconds(until))
            if any(fd == self.fd for fd, _ in ready):
                frame = self._look()
            elif ready or (until is not None and clock() >= until):
                return None
        return frame

    def _look(self) -> Frame | None:
        """Read what is there; the frame, if that makes it whole."""
        while True:
            try:
                data = os.read(self.fd, PIECE)
            except BlockingIOError:
                return None
            except OSError as error:
                raise Ended(str(error)) from error
            if not data:
                raise Ended("the other side has closed the link")
            self._buffer += data
            frame = self._whole()
            if frame is not None or len(data) < PIECE:
                return frame

    def _whole(self) -> Frame | None:
        buffer = self._buffer
        if len(buffer) < HEAD.size:
            return None
        length, kind, number = HEAD.unpack_from(buffer)
        if self.limit is not None and length > self.limit:
            raise TooLarge(f"{length:,} bytes are more than {self.limit:,}")
        end = HEAD.size + length
        if len(buffer) < end:
            return None
        content = bytes(memoryview(buffer)[HEAD.size : end])
        del buffer[:end]
        return kind, number, content


def _milliseconds(until: float | None) -> float | None:
    return None if until is None else max(0.0, until - clock()) * 1e3
