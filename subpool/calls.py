"""The calls that every face of a pool makes, at a given station: join, join_all and spawn."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from subpool._schedule.context import arithmetic as decimal_context, calculate
from subpool._schedule.crossing import crossed, crossing
from subpool._schedule.forkjoin import join_all, join_two
from subpool._schedule.refusal import needs_host
from subpool.errors import SerializationError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from subpool.task import Station, Task

__all__ = ["in_order", "join_all_at", "join_at", "spawn_at", "task_at"]


def join_at(station: Station, a: Any, b: Any, more: tuple[Any, ...]) -> tuple[Any, ...]:
    """Run two callables or more, the first one here."""
    station.heed()
    seat = station.caller_seat()
    if station.strict:
        return tuple(join_all(seat, [a, *(_crossed(call) for call in (b, *more))], eager=True))
    if more:
        return tuple(join_all(seat, [a, b, *more]))
    return join_two(seat, a, b)


def in_order(calls: Iterable[Any]) -> list[Any]:
    """Run callables one after the other: what is left when the program ends."""
    return [call() for call in calls]


def join_all_at(station: Station, callables: Iterable[Any]) -> list[Any]:
    """Run any number of callables, the first one here."""
    station.heed()
    calls = list(callables)
    if station.strict:
        calls[1:] = [_crossed(call) for call in calls[1:]]
    return join_all(station.caller_seat(), calls, eager=station.strict)


def _crossed(call: Any) -> Any:
    return crossed(call) if callable(call) else call


_Task: type[Task[Any]] | None = None


def _task_class() -> type[Task[Any]]:
    """`Task`, imported at first need: programs that only fork never pay for `concurrent.futures`."""
    global _Task
    from subpool.task import Task

    _Task = Task
    return Task


def spawn_at(
    station: Station, fn: Any, args: tuple[Any, ...], timeout: float | None, name: str | None, copy_context: bool
) -> Task[Any]:
    """Hand over a call as background work; without workers it runs at once."""
    if not callable(fn):
        raise TypeError(f"spawn: not callable: {fn!r}")
    if timeout is not None and not timeout > 0:
        raise ValueError(f"spawn: timeout must be a positive number of seconds, not {timeout!r}")
    task, waits = task_at(station, fn, args, _Task or _task_class(), timeout, name, copy_context)
    if waits:
        backlog = station.backlog
        backlog.waiting.append(task)
        backlog.offer()
    return task


def task_at(
    station: Station,
    fn: Any,
    args: tuple[Any, ...],
    kind: type[Task[Any]],
    timeout: float | None = None,
    name: str | None = None,
    copy_context: bool = False,
) -> tuple[Task[Any], bool]:
    """Make a task, and say whether it waits for workers: if not, it was run here, went to the lane, or cannot cross."""
    call = (fn, args)
    hosted = needs_host(fn)
    if copy_context:
        from subpool._schedule.context import carrying

        call = carrying(fn, args)
    arithmetic = decimal_context() if "decimal" in sys.modules else None
    if arithmetic is not None:
        call = (calculate, (arithmetic, *call))
    if station.strict and not hosted:
        try:
            call = crossing(*call)
        except SerializationError as error:
            task = kind(station, call, timeout, name)
            task._claim_private()
            task._fail(error)
            return task, False
    task = kind(station, call, timeout, name)
    if station.inline:
        task.help()
        return task, False
    if hosted or (station.refusals.any and station.refusals.of(fn, args)):
        task._claim_private()
        station.divert(task, call, None if hosted else station.refusals.of(fn, args))
        return task, False
    return task, True
