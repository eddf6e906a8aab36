"""Bulky values: written with their large buffers left where they are.

A pickler's persistent ids take the buffers out of the stream, wherever in the value they are: what is written is small,
and beside it lie views on the memory, which also keep it in place. Memoryviews and pickle buffers come out as
memoryviews with their layout; `bytes`, `bytearray` and `array` as what they are, copied once, where they are rebuilt.
"""

from __future__ import annotations

import sys
from array import array
from functools import partial
from io import BytesIO
from pickle import PickleBuffer, Pickler, Unpickler
from typing import TYPE_CHECKING, Any, ClassVar, Final

from subpool._wire.arena import SLOT_BYTES
from subpool._wire.buffers import copied

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = [
    "LARGE",
    "Apart",
    "Bulky",
    "Pinned",
    "Refused",
    "has_large",
    "looks_bulky",
    "pack",
    "reduce_view",
    "refuse",
    "unpack",
    "written_with",
]

APART: Final = 4096
"""Bytes from which on a memoryview or a pickle buffer travels by reference."""
LARGE: Final = 1 << 16
"""Bytes from which on a buffer whose type is kept lies apart: a pickle leaves those out of its frames."""
KEPT: Final = frozenset((bytes, bytearray, array))
"""Types of buffers that come out as what they are."""
PADDING: Final = bytes(SLOT_BYTES + 1)
"""A pickle ends where it says so: this makes it longer than any slot, so that it travels as a parcel."""
FRAME: Final = 0x95
BLOCKS: Final = b"B\x8e\x96"
"""The operations of a pickle that hold the content of `bytes` and `bytearray`, in any length that is left out."""

VIEW: Final = 0
BYTES: Final = 1
BYTEARRAY: Final = 2
ARRAY: Final = 3
COPY: Final = 4


class Bulky(bytes):
    """A written value, and the views on the buffers that lie apart. They stay where they are while it exists."""

    views: tuple[Any, ...] = ()

    @classmethod
    def of(cls, data: bytes, views: Iterable[Any]) -> Bulky:
        """Put the two together."""
        made = cls(data)
        made.views = tuple(views)
        return made

    def __reduce__(self) -> Any:
        return Bulky.of, (bytes(self), [Pinned(view) for view in self.views])


class Pinned:
    """A buffer that travels by reference however small it is, wherever references can travel; else as a copy."""

    __slots__ = ("view",)

    def __init__(self, view: Any) -> None:
        """Mark a view."""
        self.view = view

    def __reduce__(self) -> Any:
        view = memoryview(self.view)
        if not view.c_contiguous:
            rebuild, layout = reduce_view(view)
            return rebuild, (*layout, PickleBuffer(b""))
        # A pickle buffer, since a pickler that can lend notices that, and lends.
        return copied, (PickleBuffer(view), view.itemsize, view.format, view.shape)


def reduce_view(view: memoryview[Any]) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """Write a view as a copy of what it shows, writable if it is."""
    data = view.tobytes()
    return copied, (data if view.readonly else bytearray(data), view.itemsize, view.format, view.shape)


def looks_bulky(value: Any) -> bool:
    """Whether a value is a large buffer, or a call that takes one: what is seen without going through it."""
    kind: type[Any] = value.__class__
    if kind in KEPT:
        return memoryview(value).nbytes >= LARGE
    if kind is tuple:
        parts = value[1] if len(value) == 2 and type(value[1]) is tuple else value
    elif kind is partial:
        parts = value.args
    else:
        return False
    return any(type(part) in KEPT and memoryview(part).nbytes >= LARGE for part in parts)


def has_large(data: bytes) -> bool:
    """Whether a large buffer is written in a pickle: found by going from frame to frame."""
    place, end = 2, len(data)
    while place + 9 <= end and data[place] == FRAME:
        place += 9 + int.from_bytes(data[place + 1 : place + 9], "little")
        if place + 9 <= end and data[place] in BLOCKS:
            return True
    return False


class Refused(Exception):  # noqa: N818 - it is no error of anybody's
    """There are buffers in this value: it has to be written with those apart."""


def refuse(buffer: object) -> bool:
    """Give up writing in one piece: to be a pickler's `buffer_callback`, or its reducer of memoryviews."""
    raise Refused


class Apart:
    """The part of a pickler that takes buffers out. To be mixed in before a pickler class."""

    dispatch_table: ClassVar[Any]

    def __init__(self, file: BytesIO) -> None:
        super().__init__(file, 5)  # type: ignore[call-arg]
        self.views: list[memoryview[Any]] = []
        self._places: dict[int, tuple[Any, ...]] = {}
        self._written: list[object] = []  # so that no other object gets the number of one that was written
        numpy: Any = sys.modules.get("numpy")
        self._taken: dict[type, int] = {**TAKEN, **({numpy.ndarray: VIEW} if hasattr(numpy, "ndarray") else {})}

    def persistent_id(self, value: Any) -> Any:
        """What stands for a buffer in the stream, or None for anything else."""
        kind: type[Any] = value.__class__
        how = self._taken.get(kind)
        if how is None:
            return None
        known = self._places.get(id(value))
        if known is None:
            known = self._take(how, value)
            if known is not None:
                self._places[id(value)] = known
                self._written.append(value)
        return known

    def _take(self, how: int, value: Any) -> tuple[Any, ...] | None:
        pinned = type(value) is Pinned
        try:
            view = memoryview(value.view if pinned else value)
        except (BufferError, ValueError, TypeError):
            return None  # a released view, an array of objects: as if there were no buffer
        if how != VIEW:
            if view.nbytes < LARGE:
                return None
            rest = (value.typecode,) if how == ARRAY else ()
            return self._apart(how, view, *rest)
        if pinned or view.nbytes >= APART:
            if not view.suboffsets and view.nbytes:
                return self._apart(VIEW, view)
        elif type(value) not in (memoryview, PickleBuffer):
            return None
        return (COPY, *reduce_view(view)[1])

    def _apart(self, how: int, view: memoryview[Any], *rest: Any) -> tuple[Any, ...]:
        self.views.append(view)
        return (how, len(self.views) - 1, *rest)


TAKEN: Final[dict[type, int]] = {
    memoryview: VIEW,
    PickleBuffer: VIEW,
    Pinned: VIEW,
    bytes: BYTES,
    bytearray: BYTEARRAY,
    array: ARRAY,
}


class _Pickler(Apart, Pickler):
    """Writes what pickle itself can, with the buffers left out."""


def written_with(pickler: type[Any], value: object) -> bytes:
    """Write a value with a pickler that takes buffers apart."""
    file = BytesIO()
    writer = pickler(file)
    writer.dump(value)
    data = file.getvalue()
    return Bulky.of(data + PADDING, writer.views) if writer.views or writer._places else data


def pack(value: object) -> bytes:
    """Write a value with pickle alone, buffers apart; raises whatever its parts raise when they refuse."""
    return written_with(_Pickler, value)


class _Unpickler(Unpickler):
    """Puts the buffers back."""

    def __init__(self, data: Bulky) -> None:
        super().__init__(BytesIO(data))
        self._views = data.views
        self._rebuilt: dict[int, Any] = {}

    def persistent_load(self, pid: Any) -> Any:
        """The buffer that an id stands for, always the same for the same one."""
        if pid[0] == COPY:
            return copied(*pid[1:])
        if pid[1] not in self._rebuilt:
            self._rebuilt[pid[1]] = self._made(*pid)
        return self._rebuilt[pid[1]]

    def _made(self, how: int, place: int, *rest: Any) -> Any:
        view = memoryview(self._views[place])
        if how == VIEW:
            return view
        if how == ARRAY:
            new: Any = array
            made: Any = new(rest[0])
            made.frombytes(view.cast("B"))
            return made
        return bytes(view) if how == BYTES else bytearray(view)


def unpack(data: Bulky) -> Any:
    """Rebuild a bulky value."""
    return _Unpickler(data).load()
