"""An order: what is to be called, and under which conditions; whoever runs it may have to run it again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from subpool.errors import PluginError, PluginTypeError, PolicyViolation

if TYPE_CHECKING:
    from collections.abc import Callable

    from subpool.sandbox.hearing import Report
    from subpool.sandbox.request import Call

__all__ = ["Order"]


class Order:
    """One call of a function, as the caller wants it."""

    def __init__(
        self,
        function: str,
        data: bytes,
        returns: Any,
        seconds: float | None,
        *,
        background: bool,
        retries: int = 0,
        retry_delay: float = 0.1,
        on_report: Callable[[Report], object] | None = None,
    ) -> None:
        self.function = function
        self.data = data
        self.returns = returns
        self.seconds = seconds
        self.background = background
        self.on_report = on_report
        self.call: Call | None = None
        self.cancelled: bool = False
        self._retries = retries
        self._delay = retry_delay

    def cancel(self) -> None:
        """Have it stopped, from any thread."""
        self.cancelled = True
        call = self.call
        if call is not None:
            call.cancel()

    def delay_after(self, attempts: int, error: BaseException) -> float | None:
        """Seconds after which to try again; None if that is of no use, or was tried often enough."""
        worth_it = isinstance(error, (PluginError, TimeoutError)) and not isinstance(
            error, (PluginTypeError, PolicyViolation)
        )
        if not worth_it or attempts > self._retries or self.cancelled:
            return None
        return float(self._delay * 2 ** (attempts - 1))
