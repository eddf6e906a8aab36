"""Doorbells: how a thread sleeps until another one, in any interpreter, has something for it.

A doorbell counts: a ring before the sleep is not lost, and many rings wake once. It is named by the file descriptors
beneath it, which every interpreter of the process may use; to `ring` takes one number, `Doorbell.address`. Only the
interpreter that made a doorbell closes it, and only when nobody is left who could ring: a late ring on a number that
was given out again would write into somebody else's file.
"""

from __future__ import annotations

import os
from select import POLLIN, poll, select

__all__ = ["Doorbell", "ring"]

if hasattr(os, "eventfd"):

    def _open() -> tuple[int, int]:
        fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        return fd, fd

    def ring(address: int) -> None:
        """Wake whoever sleeps on the doorbell with this address, or will sleep on it next."""
        if address > 0:  # else it is closed: its number may be somebody else's by now
            os.eventfd_write(address, 1)

    def _drain(fd: int) -> None:
        try:
            os.eventfd_read(fd)
        except BlockingIOError:
            pass

else:

    def _open() -> tuple[int, int]:
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        os.set_blocking(writer, False)
        return reader, writer

    def ring(address: int) -> None:
        """Wake whoever sleeps on the doorbell with this address, or will sleep on it next."""
        try:
            if address > 0:  # else it is closed: its number may be somebody else's by now
                os.write(address, b"!")
        except BlockingIOError:
            pass  # the pipe is full of rings already

    def _drain(fd: int) -> None:
        try:
            while len(os.read(fd, 4096)) == 4096:
                pass
        except BlockingIOError:
            pass


class Doorbell:
    """One sleeper's doorbell. `address` is the number others `ring`."""

    __slots__ = ("_poll", "_reader", "address")

    address: int

    def __init__(self, descriptors: tuple[int, int] | None = None) -> None:
        """Make a doorbell, or take over one whose `descriptors` another interpreter made, and will close."""
        self._reader, self.address = descriptors or _open()
        poller = poll()
        poller.register(self._reader, POLLIN)
        self._poll = poller.poll

    @property
    def descriptors(self) -> tuple[int, int]:
        """What another interpreter needs to sleep on it."""
        return self._reader, self.address

    def sleep(self, seconds: float | None = None) -> bool:
        """Sleep until the next ring, or for so many seconds; whether it rang."""
        rang = self.doze(seconds)
        if rang:
            _drain(self._reader)
        return rang

    def doze(self, seconds: float | None = None) -> bool:
        """The same, but the ring stays: who dozes again before it is hushed is woken at once."""
        if seconds is not None and seconds < 2e-3 and self._reader < 1024:  # poll counts in whole ms, select up to 1023
            return bool(select((self._reader,), (), (), max(0.0, seconds))[0])
        return bool(self._poll(None if seconds is None else max(0.0, seconds) * 1e3))

    def hush(self) -> None:
        """Forget the rings so far."""
        _drain(self._reader)

    def close(self) -> None:
        """Give the descriptors back. Nobody may ring any more."""
        address, self.address = self.address, -1
        os.close(self._reader)
        if address != self._reader:
            os.close(address)
