"""`share` and `broadcast`: data that should not be copied again and again.

A shared buffer is one piece of memory that all interpreters see. A broadcast value is written once, and rebuilt once in
each worker that uses it; all handles on it there give the same object, until the handle that `broadcast` returned dies.
"""

from __future__ import annotations

import os
import sys
from itertools import count
from pickle import loads
from threading import RLock
from typing import TYPE_CHECKING, Any, Final

from subpool._schedule import worker as worker_side
from subpool._wire.buffers import described
from subpool._wire.bulk import Bulky, Pinned
from subpool._wire.doorbell import ring
from subpool._wire.payload import unpacked, write

if TYPE_CHECKING:
    from collections.abc import Buffer, Iterator

    from subpool.task import Station

__all__ = ["Broadcast", "Shared", "broadcast", "share"]


class Shared:
    """What `share` gives: a handle on one piece of memory, which any interpreter of the process may look at."""

    __slots__ = ("_buffer",)

    def __init__(self, buffer: Any) -> None:
        """Made by `share`; not for users."""
        self._buffer = memoryview(buffer)

    @property
    def view(self) -> memoryview[Any]:
        """A view on the memory, with the layout of the buffer; writable if that is. What is written, all see."""
        return memoryview(self._buffer)

    def __reduce__(self) -> Any:
        return Shared, (Pinned(self._buffer),)

    def __repr__(self) -> str:
        access = "read-only" if self._buffer.readonly else "writable"
        return f"<Shared: {self._buffer.nbytes} bytes, {access}>"


def share(buffer: Buffer) -> Shared:
    """Let every interpreter of the process see the memory of a buffer, however small it is.

    Nobody is kept from writing at the same time as others: agree on who writes where.

    Args:
        buffer: `bytearray`, `array.array`, `mmap.mmap`, a memoryview, a NumPy array, or whatever else offers memory. It
            cannot be resized or closed while the handle, or a view that came from it, is there.

    Returns:
        A handle, to be sent to workers like any value, alone or within others, or to be referred to by functions that
        go there. In worker *processes* (`on_unsupported="process"`) it shows a copy.

    Raises:
        TypeError: this has no memory of its own to show, or a scattered one.

    Example::

        table = subpool.share(array("d", range(1_000_000)))
        task = subpool.spawn(lambda: sum(table.view[:1000]))
    """
    try:
        view = memoryview(buffer)
    except (TypeError, BufferError):
        raise TypeError(f"share: not a buffer: {type(buffer).__name__} {buffer!r:.60}") from None
    if described(view) is None:
        raise TypeError(f"share: the memory of the {type(buffer).__name__} is scattered (it has suboffsets)")
    return Shared(view)


# -- broadcast -----------------------------------------------------------------------------------------------------

WORD: Final = 2
"""Bytes before the written value: whether the handle is gone, and whether there are buffers besides."""
_keys = count(int.from_bytes(os.urandom(6), "little") << 16)
_copies: dict[int, _Copy] = {}


class _Copy:
    """The value in one interpreter: rebuilt when somebody asks."""

    def __init__(self, key: int, content: memoryview[Any], views: list[Any]) -> None:
        self.key = key
        self.content = content
        self.views = views
        self._value: list[Any] = []
        self._lock = RLock()

    def get(self) -> Any:
        value = self._value[:1]
        if not value:
            with self._lock:
                value = self._value[:1]
                if not value:
                    self._value = value = [self._rebuilt()]
        return value[0]

    def set(self, value: Any) -> None:
        self._value = [value]

    def forget(self) -> None:
        self._value = []

    def _rebuilt(self) -> Any:
        written = self.content[WORD:]
        return unpacked(Bulky.of(bytes(written), self.views)) if self.content[1] else loads(written)


class Broadcast[T]:
    """What `broadcast` gives: a handle on a value that each worker rebuilds once."""

    __slots__ = ("_copy", "_crossed", "_home")

    def __init__(self, copy: _Copy, *, home: bool = False) -> None:
        """Made by `broadcast`; not for users."""
        self._copy = copy
        self._home = home
        self._crossed = False

    @property
    def value(self) -> T:
        """The value: the object itself where it comes from, elsewhere one that all handles in that interpreter share.

        It should not be changed: no other interpreter would see it.
        """
        value: T = self._copy.get()
        return value

    def __reduce__(self) -> Any:
        self._crossed = True
        copy = self._copy
        return _arrived, (copy.key, Pinned(copy.content), [Pinned(view) for view in copy.views])

    def __del__(self) -> None:
        if self._home:
            self._copy.content[0] = 1
            if self._crossed and not sys.is_finalizing():
                _tell_all()

    def __repr__(self) -> str:
        return f"<Broadcast: {len(self._copy.content) - WORD} bytes written>"


def broadcast[T](value: T) -> Broadcast[T]:
    """Write a value once, for all workers; each rebuilds it at first use, and keeps it until the handle is gone.

    Args:
        value: what can be written. It must not change from now on.

    Returns:
        A handle, to be sent to workers like any value, alone or within others, or to be referred to by functions that
        go there; it is small. When the handle dies that this returns, workers forget the value.

    Raises:
        SerializationError: the value cannot be written; the message names the part.

    Example::

        words = subpool.broadcast(load_dictionary())
        found = subpool.par_iter(lines).filter(lambda line: line in words.value).collect()
    """
    written = write(value, lend=True)
    views = list(written.views) if type(written) is Bulky else []
    content = memoryview(bytearray(WORD + len(written)))
    content[1] = type(written) is Bulky
    content[WORD:] = written
    copy = _Copy(next(_keys), content, views)
    copy.set(value)
    return Broadcast(copy, home=True)


def _arrived(key: int, content: memoryview[Any], views: list[Any]) -> Broadcast[Any]:
    """A handle in another interpreter. The first one brings the written value, for all that follow."""
    copy = _copies.get(key)
    if copy is None:
        copy = _Copy(key, content, views)
        # In a process of the other lane there is no station, and nothing would be forgotten.
        for station in () if content[0] else _stations():
            copy = _copies.setdefault(key, copy)
            if _forget not in station.lookouts:
                station.lookouts.append(_forget)
    return Broadcast(copy)


def _stations() -> Iterator[Station]:
    """The parts of pools that are in this interpreter."""
    if worker_side.station is not None:
        yield worker_side.station
        return
    from subpool import process

    for pool in list(process.open_pools):
        if pool._host is not None:
            yield pool._host


def _forget() -> None:
    """Drop the values whose handle is gone."""
    for key, copy in list(_copies.items()):
        if copy.content[0]:
            _copies.pop(key, None)
            copy.forget()


def _tell_all() -> None:
    """A handle is gone: have the couriers of all interpreters look for that."""
    for station in _stations():
        for address in station.couriers():
            ring(address)
