"""Stopping a running task: an exception raised at a loop or call of the user's own code.

`sys.monitoring` events are switched on when a task is to stop, and their callback raises `TaskCancelled` in the task's
own thread, at the head of a loop (after a `JUMP` back to it) or the start of a function (`PY_START`) outside the
standard library and subpool. So no lock of a library is left locked, which an asynchronous exception cannot promise
(CPython gh-148874), and nothing is paid while nobody is cancelled.

Whether to raise is decided in the callback, from the thread's own stack of tasks: a task that ended in the meantime, or
another one that began, is never hit.
"""

from __future__ import annotations

import sys
from threading import get_ident
from time import perf_counter as clock, sleep
from typing import TYPE_CHECKING, Any, Final

from subpool._schedule.libraries import Libraries, stdlib
from subpool.errors import TaskCancelled

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import CodeType

__all__ = ["Interrupter", "Stoppable", "heed", "interrupter", "stacks"]

AGAIN: Final = 0.1
"""Seconds after which a task that swallowed the exception gets another one."""
PARK: Final = 0.05
"""Seconds after which a thread that runs Python code has met a call or a loop."""
SPARED: Final = frozenset({"__exit__", "__aexit__", "__del__"})
"""Functions that clean up: an exception at their start would skip the clean-up, or be swallowed."""


class Stoppable:
    """A task on a thread's stack, seen by whoever wants to stop it."""

    __slots__ = ("cancelled", "told")

    cancelled: bool
    """Whether it was asked to stop."""
    told: float
    """When `TaskCancelled` was last raised in it."""

    def __init__(self) -> None:
        self.cancelled = False
        self.told = 0.0


def heed(tasks: Iterable[Stoppable]) -> None:
    """Go no further if one of these tasks, which the calling thread runs, was asked to stop.

    Raises:
        TaskCancelled: one was; it is not told again before it has had time to clean up.
    """
    cancelled = [task for task in tasks if task.cancelled]
    if cancelled:
        for task in cancelled:
            task.told = max(task.told, clock())  # what is told never, stays so
        raise TaskCancelled


class Interrupter:
    """Raises `TaskCancelled` in the threads of this interpreter whose tasks were asked to stop."""

    def __init__(self, stacks: dict[int, list[Stoppable]], libraries: Libraries | None = None) -> None:
        """Watch these stacks, by thread identifier; a task is on top of what waits for it."""
        self.armed: bool = False
        self._stacks = stacks
        self._tool: int | None = None
        self._libraries = libraries
        self._parking = 0
        self._parked = False

    def check(self) -> float | None:
        """Arm if somebody has to stop; the seconds after which to check again, None if there is nobody."""
        cancelled = [task for stack in list(self._stacks.values()) for task in list(stack) if task.cancelled]
        if not cancelled:
            self.settle()
            return None
        now = clock()
        for task in cancelled:
            if task.told and now - task.told > AGAIN:
                task.told = 0.0
        if any(not task.told for task in cancelled):
            self._arm()
        return AGAIN

    def settle(self) -> None:
        """Disarm if nobody has to stop any more."""
        if self.armed and not any(task.cancelled for stack in list(self._stacks.values()) for task in list(stack)):
            self._disarm()

    def close(self) -> None:
        """Give the monitoring tool back."""
        if self._tool is not None and not self._parking:
            self._disarm()
            sys.monitoring.free_tool_id(self._tool)
            self._tool = None

    def park(self, ident: int) -> None:
        """Let this thread run no more byte-code of any function or loop that it comes to; wait a moment for that.

        The interpreter ends under it: in a call of C that goes on without the GIL it may well be, but not in Python.
        """
        self._parking = ident
        self._arm()
        until = clock() + PARK
        while not self._parked and clock() < until:
            sleep(0.001)

    def _arm(self) -> None:
        if self.armed or not self._tool_found():
            return
        events = sys.monitoring.events
        assert self._tool is not None
        sys.monitoring.set_events(self._tool, events.JUMP | events.PY_START)
        self.armed = True  # not before: the task may end, and disarm, in between, and the events would stay

    def _disarm(self) -> None:
        self.armed = False
        if self._tool is not None and not self._parking:
            sys.monitoring.set_events(self._tool, 0)

    def _tool_found(self) -> bool:
        if self._tool is not None:
            return True
        if self._libraries is None:
            self._libraries = Libraries(stdlib())
        monitoring = sys.monitoring
        for tool in (4, 3, 5, 2, 1, 0):
            if monitoring.get_tool(tool) is None:
                try:
                    monitoring.use_tool_id(tool, "subpool")
                except ValueError:
                    continue
                monitoring.register_callback(tool, monitoring.events.JUMP, self._on_jump)
                monitoring.register_callback(tool, monitoring.events.PY_START, self._on_event)
                monitoring.register_callback(tool, monitoring.events.INSTRUCTION, self._on_instruction)
                self._tool = tool
                return True
        return False

    def _on_jump(self, code: CodeType, source: int, target: int) -> Any:
        """At the back edge of a loop: raise at the loop's head, one instruction later.

        CPython 3.13 skips the handlers of what is raised from the jump's own event.
        """
        if self._parking:
            self._park()
        if target <= source and self._tool is not None and self._due(code):
            sys.monitoring.set_local_events(self._tool, code, sys.monitoring.events.INSTRUCTION)

    def _on_instruction(self, code: CodeType, offset: int) -> Any:
        if self._tool is not None:
            sys.monitoring.set_local_events(self._tool, code, 0)
        self._on_event(code, offset)

    def _park(self) -> None:
        if get_ident() == self._parking:
            self._parked = True
            while True:
                sleep(3600)

    def _on_event(self, code: CodeType, _offset: int) -> Any:
        if self._parking:
            self._park()
        due = self._due(code)
        if due:
            for task in due:
                task.told = clock()
            raise TaskCancelled

    def _due(self, code: CodeType) -> list[Stoppable]:
        """The tasks of this thread that are to be told to stop, if that is possible in this code."""
        stack = self._stacks.get(get_ident())
        if not stack or not self._users(code):
            return []
        return [task for task in stack if task.cancelled and not task.told]

    def _users(self, code: CodeType) -> bool:
        return code.co_name not in SPARED and self._libraries is not None and code not in self._libraries


stacks: dict[int, list[Stoppable]] = {}
"""Per thread of this interpreter, the tasks that it runs, of whichever pool; the newest last."""
interrupter = Interrupter(stacks)
"""What stops them."""
