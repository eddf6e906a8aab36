"""A snapshot of one interpreter: what its threads execute now, and what its seats have on their hands.

It is taken by the courier, which needs nothing but the interpreter's GIL, and written in builtins.

`sys._current_frames` is of no use here: on CPython 3.13, and early versions of 3.14, it goes through the threads of all
interpreters, which run meanwhile, and crashes. The C API that it is made of is asked about this interpreter alone.
"""

from __future__ import annotations

import os
from itertools import accumulate, chain, repeat, takewhile
from threading import Thread, get_ident, main_thread
from types import CodeType
from typing import TYPE_CHECKING, Any, Final, TypedDict

from subpool._wire.arena import SeatWord
from subpool._wire.interpreters import put
from subpool._wire.payload import write

if TYPE_CHECKING:
    from types import FrameType

    from subpool._schedule.host import Host
    from subpool._schedule.worker import WorkerStation

__all__ = ["Snapshot", "ThreadStack", "answer", "name_of", "take"]

DEEPEST: Final = 100
"""Calls of a stack that are told, at most."""

TELLING: Final = {os.path.join(os.path.dirname(os.path.dirname(__file__)), "stacks.py"), __file__}
"""The files of the code that takes stacks, which is in none of them."""
ThreadStack = tuple[str, int, list[tuple[str, int, str]], int]
"""A thread's name, its identifier (0 if unknown), its most recent calls, and how many more there are."""


class Snapshot(TypedDict):
    """What one interpreter does."""

    threads: list[ThreadStack]
    private: int
    """Halves that nobody has asked for."""
    public: dict[int, str]
    """Halves and background jobs that were written for others, by their numbers."""
    waiting: int
    """Background jobs that were not written yet."""


def take(station: Host | WorkerStation) -> Snapshot:
    """Take one of the calling thread's interpreter: a worker's without that thread, the host's without any."""
    public: dict[int, str] = {}
    for seat in list(station.seats):
        public |= {number: name_of(half.call) for number, half in list(seat.public.items())}
    for flight in list(station.backlog.flying):
        for number, job in enumerate(list(flight.jobs), flight.first):
            if job is not None:
                called = getattr(job, "name", None)
                public[number] = name_of(flight.key) + (f" {called!r}" if called else "")
    return {
        "threads": [] if station.index is None else [stack for stack in stacks() if stack[1] != get_ident()],
        "private": sum(len(seat.ledger) - 1 for seat in list(station.seats)),
        "public": public,
        "waiting": len(station.backlog.waiting),
    }


def answer(station: WorkerStation) -> None:
    """Tell the host what this worker does, on the queue that it named."""
    words, at = station.arena.words, station.at + SeatWord.ASKED
    queue, words[at] = words[at], 0
    try:
        put(queue, (station.seat.index, write(take(station))))
    except Exception:  # noqa: BLE001 - the host asks no more, or this cannot be told: then nothing is
        return


def name_of(call: Any) -> str:
    """The name of the function beneath a callable."""
    while (inner := getattr(call, "func", None)) is not None:
        call = inner
    if isinstance(call, CodeType):
        return call.co_qualname
    name = getattr(call, "__qualname__", type(call).__qualname__)
    module = getattr(call, "__module__", None)
    return f"{module}.{name}" if module else name


# -- threads -------------------------------------------------------------------------------------------------------


def stacks() -> list[ThreadStack]:
    """What the threads of this interpreter execute, the oldest first."""
    frames = _frames()[::-1]
    return [_stack(frame, main=frame is frames[0]) for frame in frames]


def _frames() -> list[FrameType]:
    """The innermost frames of the threads of this interpreter; none where there is no `ctypes`."""
    try:
        import ctypes
    except ImportError:
        return []
    api, pointer, anything = ctypes.pythonapi, ctypes.c_void_p, ctypes.py_object
    own = ctypes.PYFUNCTYPE(pointer)(("PyInterpreterState_Get", api))
    head = ctypes.PYFUNCTYPE(pointer, pointer)(("PyInterpreterState_ThreadHead", api))
    following = ctypes.PYFUNCTYPE(pointer, pointer)(("PyThreadState_Next", api))
    frame_of = ctypes.PYFUNCTYPE(pointer, pointer)(("PyThreadState_GetFrame", api))
    release = ctypes.PYFUNCTYPE(None, anything)(("Py_DecRef", api))
    # In one go, without byte-code in between: another thread could get the GIL, end, and take its state along.
    threads = takewhile(bool, accumulate(chain(map(head, (own(),)), repeat(0)), following))
    frames: list[FrameType] = []
    for address in tuple(map(frame_of, threads)):
        if address:
            frame: Any = ctypes.cast(address, anything).value
            release(frame)  # the reference that was returned; `frame` is another
            frames.append(frame)
    return frames


def _stack(innermost: FrameType, *, main: bool) -> ThreadStack:
    """What a thread executes, without the calls that find out."""
    calls: list[tuple[str, int, str]] = []
    outermost = innermost
    frame: FrameType | None = innermost
    while frame is not None:
        code = frame.f_code
        if calls or code.co_filename not in TELLING:
            calls.append((code.co_filename, frame.f_lineno or 0, code.co_qualname))
        outermost, frame = frame, frame.f_back
    thread = outermost.f_locals.get("self") if outermost.f_code.co_name == "_bootstrap" else None
    if main and thread is None:
        thread = main_thread()
    name, ident = (thread.name, thread.ident or 0) if isinstance(thread, Thread) else ("unknown", 0)
    return name, ident, calls[:DEEPEST], max(0, len(calls) - DEEPEST)
