"""`Sandbox`: one plugin, and the calls into it."""

from __future__ import annotations

import os
from concurrent.futures import CancelledError
from threading import Lock
from time import perf_counter as clock
from typing import TYPE_CHECKING, Any, NamedTuple, Self, overload

from subpool import process
from subpool.errors import PluginError, PluginTypeError
from subpool.sandbox.boundary import Boundary, Function
from subpool.sandbox.breaker import Breaker, Circuit
from subpool.sandbox.desk import Desk, PluginTask
from subpool.sandbox.hearing import Hearing
from subpool.sandbox.instance import Call, Instance, Lost, Why
from subpool.sandbox.link import Say
from subpool.sandbox.options import Options
from subpool.sandbox.order import Order
from subpool.sandbox.origin import find
from subpool.sandbox.policy import Policy
from subpool.sandbox.runners import runners
from subpool.sandbox.settings import Settings
from subpool.sandbox.stable import Stable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import ModuleType, TracebackType

    from subpool.sandbox.hearing import Report
    from subpool.sandbox.manifest import Manifest
    from subpool.sandbox.origin import Origin
    from subpool.sandbox.settings import Isolation
    from subpool.task import Task

__all__ = ["Sandbox", "SandboxStats"]

CLOSE = 3.0
"""Seconds that a sandbox has to close in."""


class SandboxStats(NamedTuple):
    """A snapshot of what a sandbox has done."""

    completed: int
    """Calls and jobs that returned."""
    failed: int
    """Those that raised, or gave back what they should not."""
    timed_out: int
    cancelled: int
    violations: int
    """How often the policy refused something."""
    denials: dict[str, int]
    """The same by what was refused, as CPython's audit events are called."""
    instances: int
    """How many instances are alive."""
    busy: int
    """How many of them are at work."""
    waiting: int
    """Jobs that nobody has begun."""
    started: int
    """Instances that were started so far."""
    replaced: int
    """Instances that were given up, since they ended, or did not come back from C."""
    reloads: int
    circuit: Circuit
    """Whether calls go through, or the plugin is left alone after failures."""


class Sandbox:
    """One plugin in interpreters of its own, with its own modules, path, environment and policy.

    Values cross as JSON, written and checked by msgspec on this side; nothing that the plugin sends is unpickled. The
    plugin is loaded at first use. It keeps its state from call to call, in each of its instances.

    This is **no security boundary against hostile code** (see `Policy`). It keeps plugins from disturbing each other
    and the program by mistake.

    Example::

        with subpool.Sandbox("plugins/thumbs.py", policy=subpool.Policy(read=["/srv/images"])) as thumbs:
            data = thumbs.call("thumbnail", "/srv/images/a.png", returns=bytes, timeout=5)
            task = thumbs.spawn("index", "/srv/images")

    Args:
        plugin: a `.py` file, a package's folder, a folder with `plugin.toml`, or an importable module or its name.
        policy: what the plugin may do; by default to compute, and to read its own folder.
        timeout: seconds that a call may take, unless the call says otherwise.
        instances: how many calls can run at once, each in an interpreter of its own.
        sys_path: folders to import from, behind what the plugin brings along; it may read them.
        env: environment variables that the plugin sees, beside those that the policy lets through.
        isolation: "interpreter", or "process" for a child process with the limits below, which can be killed.
        max_result: bytes that a result may have, as JSON.
        max_arguments: bytes that the arguments of a call may have.
        cpu_seconds: seconds of CPU time that a call may use (Linux).
        memory: bytes of address space of a child process.
        open_files: descriptors of a child process.
        max_queue: how many jobs may wait; `spawn` waits beyond that.
        retries: how often a job that failed is tried again.
        retry_delay: seconds until it is, twice as many each time.
        break_after: failures in a row after which the plugin is left alone; never by default.
        break_seconds: for how long.
        on_report: called with a `Report` when the plugin reports, on the thread that waits for the call.
        name: what the plugin is called here; by default what its manifest or its file says.

    What the manifest's limits say holds where the keyword is not given.

    Raises:
        PluginError: there is no plugin, or its manifest is wrong.
        TypeError, ValueError: an argument cannot be what it is; the message names it.
    """

    def __init__(
        self,
        plugin: str | os.PathLike[str] | ModuleType,
        *,
        policy: Policy | None = None,
        timeout: float | None = None,
        instances: int = 1,
        sys_path: Sequence[str | os.PathLike[str]] = (),
        env: Mapping[str, str] | None = None,
        isolation: Isolation = "interpreter",
        max_result: int | None = None,
        max_arguments: int | None = None,
        cpu_seconds: float | None = None,
        memory: int | None = None,
        open_files: int | None = None,
        max_queue: int = 1000,
        retries: int = 0,
        retry_delay: float = 0.1,
        break_after: int | None = None,
        break_seconds: float = 30.0,
        on_report: Callable[[Report], object] | None = None,
        name: str | None = None,
    ) -> None:
        self._plugin = plugin
        self._origin: Origin = find(plugin)
        limits = self._origin.manifest.limits if self._origin.manifest is not None else None
        self._options = Options.checked(
            limits,
            timeout=timeout,
            instances=instances,
            sys_path=sys_path,
            env=env,
            isolation=isolation,
            max_result=max_result,
            max_arguments=max_arguments,
            cpu_seconds=cpu_seconds,
            memory=memory,
            open_files=open_files,
            max_queue=max_queue,
            retries=retries,
            retry_delay=retry_delay,
            break_after=break_after,
            break_seconds=break_seconds,
        )
        if policy is not None and not isinstance(policy, Policy):
            raise TypeError(f"policy must be a subpool.Policy, not {policy!r}")
        self.policy: Policy = policy or Policy()
        """What the plugin may do."""
        self.name: str = name or self._origin.name
        """What the plugin is called."""
        self._hearing = Hearing(self.name, on_report)
        self._breaker = Breaker(self.name, self._options.break_after, self._options.break_seconds)
        self._stable = Stable(self.name, self._options.instances, self._make)
        self._desk = Desk(self._perform, runners, self._options.max_queue, self._options.instances)
        self._functions: dict[str, Function] | None = None
        self._counts = dict.fromkeys(("completed", "failed", "timed_out", "cancelled", "reloads"), 0)
        self._lock = Lock()
        self._closed = False
        self._boundary = self._make_boundary()

    # -- calling ---------------------------------------------------------------------------------------------------

    @overload
    def call[T](
        self,
        function: str,
        /,
        *args: Any,
        returns: type[T],
        timeout: float | None = None,
        on_report: Callable[[Report], object] | None = None,
    ) -> T: ...
    @overload
    def call(
        self,
        function: str,
        /,
        *args: Any,
        returns: Any = Any,
        timeout: float | None = None,
        on_report: Callable[[Report], object] | None = None,
    ) -> Any: ...
    def call(
        self,
        function: str,
        /,
        *args: Any,
        returns: Any = Any,
        timeout: float | None = None,
        on_report: Callable[[Report], object] | None = None,
    ) -> Any:
        """Call a function of the plugin's, and wait for its result.

        Args:
            function: its name.
            *args: its arguments: anything that msgspec writes as JSON.
            returns: the type that the result must have, and is made into; what the manifest declares by default.
            timeout: seconds that the call may take, waiting for a free instance included.
            on_report: called with each `Report`, instead of the sandbox's own.

        Raises:
            PluginError: the function raised, or is not there; or the plugin cannot be loaded.
            PolicyViolation: the function let a refusal of the policy pass.
            PluginTypeError: an argument or the result has a type that does not fit.
            TimeoutError: it took too long. It was stopped; if it could not be, its instance was replaced.
        """
        order = self._order(function, args, returns, timeout, background=False, on_report=on_report)
        try:
            return self._perform(order)
        except CancelledError:
            raise PluginError("the sandbox was closed", plugin=self.name, function=function) from None

    @overload
    def spawn[T](
        self,
        function: str,
        /,
        *args: Any,
        returns: type[T],
        timeout: float | None = None,
        name: str | None = None,
        wait: bool = True,
        retries: int | None = None,
        on_report: Callable[[Report], object] | None = None,
    ) -> Task[T]: ...
    @overload
    def spawn(
        self,
        function: str,
        /,
        *args: Any,
        returns: Any = Any,
        timeout: float | None = None,
        name: str | None = None,
        wait: bool = True,
        retries: int | None = None,
        on_report: Callable[[Report], object] | None = None,
    ) -> Task[Any]: ...
    def spawn(
        self,
        function: str,
        /,
        *args: Any,
        returns: Any = Any,
        timeout: float | None = None,
        name: str | None = None,
        wait: bool = True,
        retries: int | None = None,
        on_report: Callable[[Report], object] | None = None,
    ) -> Task[Any]:
        """Have a function of the plugin's called in the background, at low priority.

        Jobs of several plugins take turns, and calls go before them.

        Args:
            function: its name.
            *args: its arguments, which are written at once.
            returns: the type that the result must have, and is made into.
            timeout: seconds that the call may run.
            name: a name for the task.
            wait: whether to wait for room if too many jobs are waiting already.
            retries: how often to try again, if not as often as the sandbox's jobs do.
            on_report: called with each `Report`, instead of the sandbox's own.

        Returns:
            A `subpool.Task`, which can be waited for, joined and cancelled like any other.

        Raises:
            PluginTypeError: an argument cannot be written.
            queue.Full: too many jobs are waiting, and this one is not to `wait`.
        """
        order = self._order(
            function, args, returns, timeout, background=True, retries=retries, on_report=on_report
        )
        task = PluginTask(self._desk, order, name)
        self._desk.add(task, wait)
        return task

    def _order(
        self,
        function: str,
        args: tuple[Any, ...],
        returns: Any,
        timeout: float | None,
        *,
        background: bool,
        retries: int | None = None,
        on_report: Callable[[Report], object] | None = None,
    ) -> Order:
        if not isinstance(function, str):
            raise TypeError(f"the function's name must be a str, not {function!r}")
        if timeout is not None and not timeout > 0:
            raise ValueError(f"timeout must be a positive number of seconds, not {timeout!r}")
        if self._closed:
            raise PluginError("the sandbox is closed", plugin=self.name)
        options = self._options
        return Order(
            function,
            self._boundary.arguments(function, args),
            returns,
            options.timeout if timeout is None else timeout,
            background=background,
            retries=options.retries if retries is None else retries,
            retry_delay=options.retry_delay,
            on_report=on_report,
        )

    def _perform(self, order: Order) -> Any:
        """Run an order on the calling thread, and count what comes of it."""
        self._breaker.admit()
        try:
            value = self._outcome(order)
        except (PluginError, TimeoutError) as error:
            self._count("timed_out" if isinstance(error, TimeoutError) else "failed")
            self._judge(error)
            raise
        except BaseException:
            self._count("cancelled")
            self._breaker.abstained()
            raise
        self._breaker.succeeded()
        self._counts["completed"] += 1
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
        call = Call(order.function, order.data, until, self._options.cpu_seconds, background=order.background)
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
                raise PluginError(str(lost), plugin=self.name, function=order.function) from None
            kind, content = Say.STOPPED, b""
        finally:
            self._stable.give_back(instance)
        if call.why is not None:
            raise self._late(order, call.why)
        return self._read(order, kind, content)

    def _read(self, order: Order, kind: int, content: bytes) -> Any:
        if kind == Say.RESULT:
            return self._boundary.result(order.function, content, order.returns)
        if kind == Say.MISFIT:
            raise self._boundary.misfit(order.function, content)
        if kind == Say.STOPPED:
            raise PluginError("it stopped by itself", plugin=self.name, function=order.function)
        raise self._boundary.error(order.function, content)

    def _late(self, order: Order, why: Why) -> BaseException:
        if why is Why.CANCELLED:
            return CancelledError()
        limit = self._options.cpu_seconds if why is Why.CPU else order.seconds
        return TimeoutError(f"{self.name}.{order.function}: {why.value} of {limit:g} s")

    def _unknown(self, function: str, instance: Instance) -> PluginError:
        names = ", ".join(instance.functions) or "none"
        return PluginError(f"there is no function {function!r}; it offers {names}", plugin=self.name)

    def _count(self, what: str) -> None:
        with self._lock:
            self._counts[what] += 1

    # -- instances -------------------------------------------------------------------------------------------------

    def _make(self) -> Instance:
        process.prepare()
        process.residents[self] = None
        options = self._options
        settings = Settings(
            plugin=self.name,
            origin=self._origin,
            policy=self.policy,
            sys_path=options.sys_path,
            environ=self.policy.environment(options.env),
            isolation=options.isolation,
            max_result=options.max_result,
            memory=options.memory,
            open_files=options.open_files,
        )
        instance = Instance(settings, self._hearing.hear)
        self._functions = instance.functions
        return instance

    def _make_boundary(self) -> Boundary:
        manifest = self._origin.manifest
        declared = manifest.functions if manifest is not None else None
        return Boundary(self.name, declared, self._options.max_arguments)

    @property
    def manifest(self) -> Manifest | None:
        """What the plugin says of itself, if it has a `plugin.toml`: the policy it asks for, among other things."""
        return self._origin.manifest

    def functions(self) -> list[Function]:
        """The functions that the plugin offers, with what they take and return. Loads the plugin if need be.

        Raises:
            PluginError: the plugin cannot be loaded.
        """
        if self._functions is None:
            call = Call("", b"", None, None)
            self._stable.give_back(self._stable.lease(call))
        return [self._declared(each) for each in (self._functions or {}).values()]

    def _declared(self, function: Function) -> Function:
        """A function as the manifest has it, where it says something."""
        manifest = self._origin.manifest
        entry = (manifest.functions or {}).get(function.name) if manifest is not None else None
        if entry is None or not entry.parameters:
            return function
        return Function(function.name, entry.parameters, entry.returns, entry.doc or function.doc)

    # -- life ------------------------------------------------------------------------------------------------------

    def reload(self) -> None:
        """Load the plugin anew, from what its files say now. Its state is lost; calls that run end in the old one.

        Raises:
            PluginError: it cannot be loaded. The old one stays.
        """
        if self._closed:
            raise PluginError("the sandbox is closed", plugin=self.name)
        old_origin, old_boundary = self._origin, self._boundary
        try:
            self._origin = find(self._plugin)
            self._boundary = self._make_boundary()
            self._stable.renew()
        except BaseException:
            self._origin, self._boundary = old_origin, old_boundary
            raise
        self._count("reloads")

    def stats(self) -> SandboxStats:
        """What the sandbox has done so far."""
        counts, stable, denials = self._counts, self._stable, dict(self._hearing.denials)
        return SandboxStats(
            completed=counts["completed"],
            failed=counts["failed"],
            timed_out=counts["timed_out"],
            cancelled=counts["cancelled"],
            violations=sum(denials.values()),
            denials=denials,
            instances=stable.alive,
            busy=stable.busy,
            waiting=self._desk.waiting,
            started=stable.started,
            replaced=stable.replaced,
            reloads=counts["reloads"],
            circuit=self._breaker.state,
        )

    def close(self) -> None:
        """End the plugin: jobs are cancelled, calls that run are stopped."""
        self._end(CLOSE)

    def _end(self, seconds: float) -> bool:
        self._closed = True
        self._desk.close(PluginError("the sandbox is closed", plugin=self.name))
        clean = self._stable.close(seconds)
        if clean:
            process.residents.pop(self, None)  # else the end of the program has to know of it
        return clean

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, cls: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Sandbox of {self.name!r}, {'closed' if self._closed else f'{self._stable.alive} instances'}>"

    def _step_aside(self, patience: float) -> bool:
        """Before a fork: end the instances if nothing runs; they start anew at the next use, without their state."""
        return self._options.isolation == "process" or self._stable.drop_idle(patience)

    def _abandon(self, patience: float) -> bool:
        """The program ends. Whether every guest could be ended in so many seconds."""
        clean = self._end(patience)
        if not clean and self._stable.frozen:
            process.End.frozen = True
        return clean
