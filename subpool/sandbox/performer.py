"""The performer: sees an order through, from an instance's lease to the caller's value or error."""

from __future__ import annotations

from concurrent.futures import CancelledError
from time import perf_counter as clock
from typing import TYPE_CHECKING, Any

from subpool.errors import PluginError, PluginTypeError
from subpool.sandbox.instance import Lost
from subpool.sandbox.link import Say
from subpool.sandbox.request import Call, Why
from subpool.sandbox.stats import Event

if TYPE_CHECKING:
    from subpool.sandbox.boundary import Boundary
    from subpool.sandbox.breaker import Breaker
    from subpool.sandbox.instance import Instance
    from subpool.sandbox.order import Order
    from subpool.sandbox.stable import Stable
    from subpool.sandbox.stats import Counters

__all__ = ["Performer"]


class Performer:
    """Runs orders on the threads that call it."""

    def __init__(
        self,
        plugin: str,
        stable: Stable,
        boundary: Boundary,
        breaker: Breaker,
        counters: Counters,
        cpu_seconds: float | None,
    ) -> None:
        self.boundary: Boundary = boundary
        self._plugin = plugin
        self._stable = stable
        self._breaker = breaker
        self._counters = counters
        self._cpu_seconds = cpu_seconds

    def perform(self, order: Order) -> Any:
        """Run an order on the calling thread, and count what comes of it."""
        self._breaker.admit()
        try:
            value = self._outcome(order)
        except (PluginError, TimeoutError) as error:
            self._counters.count(Event.TIMED_OUT if isinstance(error, TimeoutError) else Event.FAILED)
            self._judge(error)
            raise
        except BaseException:
            self._counters.count(Event.CANCELLED)
            self._breaker.abstained()
            raise
        self._breaker.succeeded()
        self._counters.count(Event.COMPLETED)
        return value

    def _judge(self, error: Exception) -> None:
        """What the caller did wrong says nothing about the plugin."""
        if isinstance(error, PluginTypeError) and error.path.startswith("args"):
            self._breaker.abstained()
        else:
            self._breaker.failed()

    def _outcome(self, order: Order) -> Any:
        begun = clock()
        until = None if order.seconds is None or order.background else begun + order.seconds
        call = Call(order.function, order.data, until, self._cpu_seconds, background=order.background)
        call.on_report = order.on_report
        order.call = call
        try:
            instance = self._stable.lease(call)
        except TimeoutError:
            raise self._late(order, Why.LATE) from None
        if order.background and order.seconds is not None:
            call.until = clock() + order.seconds
        try:
            if order.cancelled:
                raise CancelledError
            if order.function not in instance.functions:
                raise self._unknown(order.function, instance)
            kind, content = instance.run(call)
        except Lost as lost:
            if call.why is None:
                raise PluginError(str(lost), plugin=self._plugin, function=order.function) from None
            kind, content = Say.STOPPED, b""
        finally:
            self._stable.give_back(instance)
        if call.why is not None:
            raise self._late(order, call.why)
        return self._read(order, kind, content)

    def _read(self, order: Order, kind: int, content: bytes) -> Any:
        if kind == Say.RESULT:
            return self.boundary.result(order.function, content, order.returns)
        if kind == Say.MISFIT:
            raise self.boundary.misfit(order.function, content)
        if kind == Say.STOPPED:
            raise PluginError("it stopped by itself", plugin=self._plugin, function=order.function)
        raise self.boundary.error(order.function, content)

    def _late(self, order: Order, why: Why) -> BaseException:
        if why is Why.CANCELLED:
            return CancelledError()
        limit = self._cpu_seconds if why is Why.CPU else order.seconds
        return TimeoutError(f"{self._plugin}.{order.function}: {why.value} of {limit:g} s")

    def _unknown(self, function: str, instance: Instance) -> PluginError:
        names = ", ".join(instance.functions) or "none"
        return PluginError(f"there is no function {function!r}; it offers {names}", plugin=self._plugin)
