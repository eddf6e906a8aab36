"""A call on its way through an instance, and the watch that is kept over it."""

from __future__ import annotations

import time
from enum import Enum
from time import perf_counter as clock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from subpool.sandbox.hearing import Report

__all__ = ["Call", "Watch", "Why"]


class Why(Enum):
    """Why a call was told to stop."""

    LATE = "it ran longer than its timeout"
    CPU = "it used more CPU time than it may"
    CANCELLED = "it was cancelled"


class Call:
    """One call on its way through an instance."""

    def __init__(
        self, function: str, data: bytes, until: float | None, cpu: float | None, *, background: bool = False
    ) -> None:
        self.function = function
        self.data = data
        self.until = until
        """Time of the clock when it is late."""
        self.cpu = cpu
        """Seconds of CPU time that it may use."""
        self.background = background
        self.why: Why | None = None
        """Why it was told to stop, if it was."""
        self.cancelled: bool = False
        self.nudge: Callable[[], None] | None = None
        self.on_report: Callable[[Report], object] | None = None

    def cancel(self) -> None:
        """Have it stopped, from any thread."""
        self.cancelled = True
        nudge = self.nudge
        if nudge is not None:
            nudge()


class Watch:
    """Tells when a call has to stop, and when it has had its time to do so."""

    def __init__(self, call: Call, grace: float, clock_id: int | None) -> None:
        """Watch a call that begins now; its CPU time by this clock, as soon as there is one."""
        self._call = call
        self._grace = grace
        self._given_up: float | None = None
        self._clock_id: int | None = None
        self._cpu_end = 0.0
        self.look: float | None = None
        """Time of the clock when to look again."""
        self.use(clock_id)
        if call.cancelled:
            self.look = 0.0

    def use(self, clock_id: int | None) -> None:
        """Count CPU time by this clock from now on."""
        if self._call.cpu is not None and clock_id is not None:
            self._clock_id = clock_id
            self._cpu_end = self._cpu_now() + self._call.cpu
        self._look_ahead()

    @property
    def due(self) -> bool:
        """Whether it is time to look."""
        return self._call.cancelled if self.look is None else clock() >= self.look or self._call.cancelled

    def expired(self) -> bool:
        """Whether the call was told to stop, and has not done so in time."""
        return self._given_up is not None and clock() >= self._given_up

    def has_to_stop(self) -> bool:
        """Whether the call has to be told to stop, which it is once."""
        if self._given_up is None:
            self._call.why = self._why()
            if self._call.why is not None:
                self.look = self._given_up = clock() + self._grace
                return True
            self._look_ahead()
        return False

    def _why(self) -> Why | None:
        call = self._call
        if call.cancelled:
            return Why.CANCELLED
        if call.until is not None and clock() >= call.until:
            return Why.LATE
        return Why.CPU if self._clock_id is not None and self._cpu_now() >= self._cpu_end else None

    def _look_ahead(self) -> None:
        """CPU time cannot be used up sooner than as much time has passed."""
        if self._given_up is not None:
            return
        self.look = self._call.until
        if self._clock_id is not None:
            soonest = clock() + max(1e-3, self._cpu_end - self._cpu_now())
            self.look = soonest if self.look is None else min(self.look, soonest)

    def _cpu_now(self) -> float:
        try:
            return 0.0 if self._clock_id is None else time.clock_gettime(self._clock_id)
        except OSError:
            return 0.0  # its thread or process has ended, which the link will tell
