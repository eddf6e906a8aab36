"""What the tests of data send to workers."""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable
from functools import partial
from pickle import PickleBuffer
from typing import Any

from tasks import Gate

import subpool
from subpool import data

kept: list[Any] = []
built: list[int] = []


def looked_at(view: Any) -> tuple[str, str, tuple[int, ...], bool, bytes]:
    return type(view).__name__, view.format, view.shape, view.readonly, view.tobytes()


def layout_of(view: Any) -> tuple[str, tuple[int, ...], tuple[int, ...]]:
    return view.format, view.shape, view.strides


def kind_of(value: Any) -> tuple[str, int]:
    return type(value).__name__, len(value)


def put(view: Any, place: int, value: float) -> int | None:
    view[place] = value
    return subpool.worker_index()


def put_in(handle: subpool.Shared, place: int, value: float) -> None:
    handle.view[place] = value


def keep(view: Any) -> None:
    kept.append(view)


def read_kept(place: int) -> int:
    value: int = kept[-1][place]
    return value


def drop() -> None:
    kept.clear()


def same(first: Any, second: Any) -> bool:
    return first is second


def made(length: int, value: int = 7) -> memoryview:
    """A view on memory of the worker that runs this."""
    return memoryview(bytearray([value]) * length)


def kept_and_made(length: int) -> memoryview:
    kept.append(bytearray(length))
    return memoryview(kept[-1])


def shared_there(length: int) -> subpool.Shared:
    return subpool.share(bytearray(length))


def part_of(view: Any, begin: int, end: int) -> Any:
    """What was borrowed is lent on."""
    return view[begin:end]


def sum_at(view: Any, started: Gate) -> int:
    started.open()
    return sum(view[:100])


def in_a_nested_join(length: int, started: Gate) -> tuple[int, int]:
    """A worker lends to whoever takes its second half."""
    view = memoryview(bytearray([1]) * length)
    return subpool.join(partial(waited, started), partial(sum_at, view, started))


def waited(started: Gate) -> int:
    started.wait()
    return 0


def hold(view: Any, started: Gate, release: Gate) -> int:
    started.open()
    release.block()
    value: int = view[0]
    return value


def fail_with(view: Any) -> None:
    raise ValueError(len(view))


class Built:
    """Counts where it is rebuilt."""

    def __init__(self, number: int = 0) -> None:
        self.number = number

    def __reduce__(self) -> Any:
        return rebuilt, (self.number,)


def rebuilt(number: int) -> Built:
    built.append(os.getpid())
    return Built(number)


def use(handle: subpool.Broadcast[Built]) -> tuple[int | None, int, int]:
    assert handle.value is handle.value
    return subpool.worker_index(), handle.value.number, len(built)


def copies() -> int:
    return len(data._copies)


def length_of(handle: subpool.Broadcast[Any]) -> int:
    return len(handle.value)


class Offering(bytearray):
    """Offers its content out of band."""

    def __reduce_ex__(self, protocol: Any) -> Any:
        return Offering, (PickleBuffer(self),)


def array_of(size: int) -> array[int]:
    return array("b", bytes(size))


def hand_over(view: Any, function: Callable[[Any], Any]) -> Any:
    return subpool.spawn(function, view).join()


def start_with(handle: subpool.Shared, view: Any) -> None:
    kept[:] = [handle, view]


def started_with() -> tuple[int, int]:
    handle, view = kept
    handle.view[1] = 5
    return handle.view[0], len(view)


def resident() -> int:
    """Bytes of this process that are in memory."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")
