"""What the measures of large data have workers do: an importable module, so that what is kept here stays here."""

from __future__ import annotations

from array import array
from typing import Any

import subpool

kept: list[Any] = []


def keep(size: int) -> None:
    """Make a buffer in the interpreter that runs this, all of it in memory."""
    kept[:] = [bytearray(b"x") * size]


def view_of_kept() -> memoryview:
    return memoryview(kept[0])


def copy_of_kept() -> bytes:
    return bytes(kept[0])


def size_of(buffer: Any) -> int:
    return len(buffer)


def back(buffer: Any) -> Any:
    return buffer


def size_of_value(handle: subpool.Broadcast[Any]) -> int:
    return len(handle.value)


def made_view(size: int) -> memoryview:
    return memoryview(bytearray(b"x") * size)


def made_bytes(size: int) -> bytes:
    return b"x" * size


def made_bytearray(size: int) -> bytearray:
    return bytearray(b"x") * size


def made_array(size: int) -> array[int]:
    return array("b", [1]) * size
