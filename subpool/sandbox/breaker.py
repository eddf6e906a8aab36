"""The circuit breaker: a plugin that fails again and again is left alone for a while."""

from __future__ import annotations

from enum import Enum
from threading import Lock
from time import perf_counter
from typing import TYPE_CHECKING

from subpool.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Breaker", "Circuit"]


class Circuit(Enum):
    """Whether calls go through."""

    CLOSED = "closed"
    """They do."""
    OPEN = "open"
    """They fail at once."""
    TRYING = "trying"
    """One goes through, and its outcome decides."""


class Breaker:
    """Counts failures in a row."""

    def __init__(
        self, plugin: str, after: int | None, seconds: float, clock: Callable[[], float] = perf_counter
    ) -> None:
        """Open after so many failures in a row, for so many seconds; never, if `after` is None."""
        self.state: Circuit = Circuit.CLOSED
        self._plugin = plugin
        self._after = after
        self._seconds = seconds
        self._clock = clock
        self._failures = 0
        self._until = 0.0
        self._lock = Lock()

    def admit(self) -> None:
        """Let a call through, or not.

        Raises:
            PluginError: the circuit is open.
        """
        if self._after is None:
            return
        with self._lock:
            if self.state is Circuit.CLOSED:
                return
            left = self._until - self._clock()
            if self.state is Circuit.OPEN and left <= 0:
                self.state = Circuit.TRYING
                return
        text = f"it failed {self._failures} times in a row, and is left alone for another {max(0.0, left):.1f} s"
        raise PluginError(text, plugin=self._plugin)

    def succeeded(self) -> None:
        """A call that went through came back well."""
        if self._failures:
            with self._lock:
                self._failures = 0
                self.state = Circuit.CLOSED

    def abstained(self) -> None:
        """A call that went through says nothing about the plugin: it was cancelled, say."""
        with self._lock:
            if self.state is Circuit.TRYING:
                self.state = Circuit.OPEN

    def failed(self) -> None:
        """A call that went through failed."""
        if self._after is None:
            return
        with self._lock:
            self._failures += 1
            if self.state is Circuit.TRYING or self._failures >= self._after:
                self.state = Circuit.OPEN
                self._until = self._clock() + self._seconds
