"""`Sandbox`: one plugin, and the calls into it."""

from __future__ import annotations

import os
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Any, Self, Unpack, overload

from subpool import process
from subpool.errors import PluginError
from subpool.sandbox.boundary import Boundary, Function
from subpool.sandbox.breaker import Breaker
from subpool.sandbox.desk import Desk, PluginTask
from subpool.sandbox.hearing import Hearing
from subpool.sandbox.instance import Instance
from subpool.sandbox.options import Options
from subpool.sandbox.order import Order
from subpool.sandbox.origin import find
from subpool.sandbox.performer import Performer
from subpool.sandbox.policy import Policy
from subpool.sandbox.request import Call
from subpool.sandbox.runners import runners
from subpool.sandbox.settings import Settings
from subpool.sandbox.stable import Stable
from subpool.sandbox.stats import Counters, Event, SandboxStats

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType, TracebackType

    from subpool.sandbox.hearing import Report
    from subpool.sandbox.manifest import Manifest
    from subpool.sandbox.options import SandboxOptions
    from subpool.sandbox.origin import Origin
    from subpool.task import Task

__all__ = ["Sandbox"]

CLOSE = 3.0
"""Seconds that a sandbox has to close in."""


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
        codec: how values cross, "json" or "msgpack", which is shorter for bytes; the plugin sees no difference.
        max_result: bytes that a result may have, as it crosses.
        max_arguments: bytes that the arguments of a call may have.
        cpu_seconds: seconds of CPU time that a call may use (Linux).
        load_timeout: seconds that the plugin has to load in. No call's timeout counts them.
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
        name: str | None = None,
        on_report: Callable[[Report], object] | None = None,
        **options: Unpack[SandboxOptions],
    ) -> None:
        self._plugin = plugin
        self._origin: Origin = find(plugin)
        limits = self._origin.manifest.limits if self._origin.manifest is not None else None
        self._options = Options.checked(limits, options)
        if policy is not None and not isinstance(policy, Policy):
            raise TypeError(f"policy must be a subpool.Policy, not {policy!r}")
        self.policy: Policy = policy or Policy()
        """What the plugin may do."""
        self.name: str = name or self._origin.name
        """What the plugin is called."""
        self._hearing = Hearing(self.name, on_report)
        self._breaker = Breaker(self.name, self._options.break_after, self._options.break_seconds)
        self._counters = Counters()
        self._stable = Stable(self.name, self._options.instances, self._make)
        self._performer = Performer(
            self.name, self._stable, self._make_boundary(), self._breaker, self._counters, self._options.cpu_seconds
        )
        self._desk = Desk(self._performer.perform, runners, self._options.max_queue, self._options.instances)
        self._functions: dict[str, Function] | None = None
        self._closed = False

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
            return self._performer.perform(order)
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
        order = self._order(function, args, returns, timeout, background=True, retries=retries, on_report=on_report)
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
            self._performer.boundary.arguments(function, args),
            returns,
            options.timeout if timeout is None else timeout,
            background=background,
            retries=options.retries if retries is None else retries,
            retry_delay=options.retry_delay,
            on_report=on_report,
        )

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
            codec=options.codec,
            max_result=options.max_result,
            load_timeout=options.load_timeout,
            memory=options.memory,
            open_files=options.open_files,
        )
        instance = Instance(settings, self._hearing.hear)
        self._functions = instance.functions
        return instance

    def _make_boundary(self) -> Boundary:
        manifest = self._origin.manifest
        declared = manifest.functions if manifest is not None else None
        return Boundary(self.name, declared, self._options.max_arguments, self._options.codec)

    @property
    def manifest(self) -> Manifest | None:
        """What the plugin says of itself, if it has a `plugin.toml`: the policy it asks for, among other things."""
        return self._origin.manifest

    @property
    def loaded(self) -> bool:
        """Whether the plugin has been loaded, and has an instance."""
        return bool(self._stable.alive)

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
        old_origin, old_boundary = self._origin, self._performer.boundary
        try:
            self._origin = find(self._plugin)
            self._performer.boundary = self._make_boundary()
            self._stable.renew()
        except BaseException:
            self._origin, self._performer.boundary = old_origin, old_boundary
            raise
        self._counters.count(Event.RELOADED)

    def stats(self) -> SandboxStats:
        """What the sandbox has done so far."""
        counts, stable, denials = self._counters.by_event, self._stable, dict(self._hearing.denials)
        return SandboxStats(
            completed=counts[Event.COMPLETED],
            failed=counts[Event.FAILED],
            timed_out=counts[Event.TIMED_OUT],
            cancelled=counts[Event.CANCELLED],
            violations=sum(denials.values()),
            denials=denials,
            instances=stable.alive,
            busy=stable.busy,
            waiting=self._desk.waiting,
            started=stable.started,
            replaced=stable.replaced,
            reloads=counts[Event.RELOADED],
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
