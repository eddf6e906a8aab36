"""The stable: the instances of one plugin. Who needs one leases it; those that broke are replaced."""

from __future__ import annotations

from collections import deque
from threading import Condition
from time import perf_counter as clock
from typing import TYPE_CHECKING, Final

from subpool.errors import PluginError
from subpool.sandbox.instance import ENDING, Instance
from subpool.sandbox.request import Call

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Stable"]

KILL: Final = 0.2
"""Seconds in which a process that was killed is gone."""


class Stable:
    """Up to so many instances, started at first need. A foreground call gets a free one before any job does."""

    def __init__(self, plugin: str, size: int, make: Callable[[], Instance]) -> None:
        self.size: int = size
        self.replaced: int = 0
        """How many were given up, since they broke or did not come back."""
        self.started: int = 0
        self._plugin = plugin
        self._make = make
        self._idle: deque[Instance] = deque()
        self._leased: dict[Instance, Call | None] = {}
        self._aside: list[Instance] = []
        self._starting = 0
        self._ending = 0
        self._calls_waiting = 0
        self._generation = 0
        self._generations: dict[Instance, int] = {}
        self._changed = Condition()
        self._closed = False

    # -- leasing ---------------------------------------------------------------------------------------------------

    def lease(self, call: Call) -> Instance:
        """An instance for this call, started if need be.

        Raises:
            TimeoutError: none was free before the call is late.
            PluginError: the plugin cannot be loaded, or the sandbox is closed.
        """
        with self._changed:
            self._calls_waiting += not call.background
            try:
                instance = self._await_idle(call)
            finally:
                self._calls_waiting -= not call.background
        return self._start(call) if instance is None else instance

    def _await_idle(self, call: Call) -> Instance | None:
        """An idle instance; None if one is to be started."""
        while not self._closed:
            if not (call.background and self._calls_waiting):
                if self._idle:
                    instance = self._idle.pop()
                    self._leased[instance] = call
                    return instance
                if len(self._leased) + self._starting < self.size:
                    self._starting += 1
                    return None
            left = None if call.until is None else call.until - clock()
            if left is not None and left <= 0:
                raise TimeoutError("no instance was free in time")
            self._changed.wait(left)
        raise PluginError("the sandbox is closed", plugin=self._plugin)

    def _start(self, call: Call | None) -> Instance:
        instance: Instance | None = None
        generation, begun = self._generation, clock()
        try:
            instance = self._make()
            if call is not None and call.until is not None:
                call.until += clock() - begun  # loading is on nobody's time
            return instance
        finally:
            with self._changed:
                self._starting -= 1
                if instance is not None:
                    self.started += 1
                    self._leased[instance] = call
                    self._generations[instance] = generation
                self._changed.notify_all()

    def give_back(self, instance: Instance) -> None:
        """An instance is free again; or at its end, if it broke or is of an older generation."""
        with self._changed:
            self._leased.pop(instance, None)
            old = self._generations[instance] != self._generation
            keep = not (instance.broken or old or self._closed)
            if keep:
                self._idle.append(instance)
            else:
                del self._generations[instance]
                self._ending += 1
                self.replaced += instance.broken
            self._changed.notify()
        if not keep:
            self._end(instance)

    def _end(self, instance: Instance, seconds: float | None = None) -> None:
        """End an instance. One that broke is not waited for: it may be stuck in C."""
        wait = (0.0 if instance.broken else ENDING) if seconds is None else seconds
        gone = instance.close(wait)
        with self._changed:
            self._ending -= 1
            if not gone:
                self._aside.append(instance)
            self._changed.notify_all()

    # -- all of them -----------------------------------------------------------------------------------------------

    @property
    def alive(self) -> int:
        """How many instances there are."""
        return len(self._idle) + len(self._leased)

    @property
    def busy(self) -> int:
        """How many are at work."""
        return len(self._leased)

    @property
    def aside(self) -> list[Instance]:
        """Those that were given up and have not ended yet."""
        with self._changed:
            self._aside = [each for each in self._aside if not each.gone()]
            return list(self._aside)

    @property
    def frozen(self) -> bool:
        """Whether a guest that does not end holds its GIL for good."""
        return bool(self._starting) or any(each.frozen for each in (*self.aside, *list(self._leased)))

    def renew(self) -> Instance:
        """Start an instance anew, and let go of all the others: those at work when they come back.

        Raises:
            PluginError: the plugin cannot be loaded. Nothing has changed.
        """
        with self._changed:
            self._starting += 1
        fresh = self._start(None)
        with self._changed:
            self._generation += 1
            self._generations[fresh] = self._generation
            old = list(self._idle)
            self._ending += len(old)
            self._idle.clear()
            for each in old:
                del self._generations[each]
        self.give_back(fresh)
        for each in old:
            self._end(each)
        return fresh

    def drop_idle(self, seconds: float) -> bool:
        """End those that do nothing; they start anew at next use. False: some are at work."""
        with self._changed:
            old = list(self._idle)
            self._ending += len(old)
            self._idle.clear()
            for each in old:
                del self._generations[each]
            busy = bool(self._leased or self._starting)
        for each in old:
            self._end(each, seconds)
        with self._changed:
            self._changed.wait_for(lambda: not self._ending, seconds)
            return not (busy or self._ending)

    def close(self, seconds: float) -> bool:
        """Stop what runs and end all instances. Whether all are gone in time."""
        with self._changed:
            self._closed = True
            for call in self._leased.values():
                if call is not None:
                    call.cancel()
            self._changed.notify_all()
            until = clock() + seconds
            self._await_rest(until)
        self.drop_idle(seconds)
        with self._changed:
            self._await_rest(until)
            for each in self._leased:
                each.kill()  # a process; whoever waits for it hears that it is gone
            if self._leased or self._starting or self._ending:
                self._await_rest(clock() + KILL)
        if self._leased or self._starting or self._ending:
            return False
        return not self.aside

    def _await_rest(self, until: float) -> None:
        while (self._leased or self._starting or self._ending) and clock() < until:
            self._changed.wait(max(0.0, until - clock()))
