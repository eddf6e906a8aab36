"""CPython's own executor suites, adapted in one thing only: which executor they construct.

They are imported from the running Python, and differ from one to the next. They are as untyped as they come.
"""

from __future__ import annotations

import functools
import importlib
import platform
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from remote_event import RemoteEvent
from tasks import Gate

import subpool

PACKAGE = "test.test_concurrent_futures"


class Suite(NamedTuple):
    """A class of tests in CPython, and which of its tests are taken."""

    module: str
    name: str
    only: tuple[str, ...] = ()
    """Those that are taken; all by default, but for those that `ExecutorTest` has already."""
    but: tuple[str, ...] = ()
    """Those that are not taken, as they construct no executor that could be another."""


class LeftOut(NamedTuple):
    """Why a test does not apply, and how it fails: it is run, and may not pass."""

    reason: str
    error: type[BaseException] | None = AssertionError
    """What it ends with; None if it cannot be run at all."""


SUITES = (
    Suite("executor", "ExecutorTest"),
    Suite("test_wait", "WaitTests"),
    Suite("test_as_completed", "AsCompletedTests"),
    Suite("test_shutdown", "ExecutorShutdownTest"),
    Suite("test_init", "InitializerMixin"),
    Suite("test_init", "FailingInitializerMixin"),
    Suite("test_process_pool", "ProcessPoolExecutorTest", only=("test_map_chunksize",)),
    Suite("test_interpreter_pool", "InterpreterPoolExecutorTest", but=("test_import_interpreter_pool_executor",)),
    Suite("test_interpreter_pool", "AsyncioTest"),
)

_BY_VALUE = "wants closures and objects of local classes to be refused; here they cross"
_NO_THREADS = "looks at the list of threads inside the standard library's executors"

LEFT_OUT: dict[str, LeftOut] = {
    "InterpreterPoolExecutorTest.test_init_closure": LeftOut(_BY_VALUE),
    "InterpreterPoolExecutorTest.test_init_exception_in_func": LeftOut(
        "wants a `BrokenInterpreterPool`; here it is a `BrokenPoolError`, likewise a `BrokenExecutor`",
        subpool.BrokenPoolError,
    ),
    "InterpreterPoolExecutorTest.test_init_instance_method": LeftOut(_BY_VALUE),
    "InterpreterPoolExecutorTest.test_submit_closure": LeftOut(_BY_VALUE),
    "InterpreterPoolExecutorTest.test_submit_local_instance": LeftOut(_BY_VALUE),
    "InterpreterPoolExecutorTest.test_submit_instance_method": LeftOut(_BY_VALUE),
    "InterpreterPoolExecutorTest.test_submit_exception_in_func": LeftOut(
        "wants an `ExecutionFailed` as the cause of what a call raised; here it is a `RemoteTraceback`"
    ),
    "InterpreterPoolExecutorTest.test_pickle_errors_propagate": LeftOut(
        "submits what is not callable; here `submit` refuses that at once", TypeError
    ),
    "InterpreterPoolExecutorTest.test_saturation": LeftOut(
        _NO_THREADS + "; not run, since it would leave calls behind that never end", None
    ),
    "InterpreterPoolExecutorTest.test_idle_thread_reuse": LeftOut(_NO_THREADS, AttributeError),
    "InterpreterPoolExecutorTest.test_thread_name_prefix": LeftOut(
        "looks for a prefix of thread names that an `Executor` does not have", AttributeError
    ),
    "InterpreterPoolExecutorTest.test_thread_name_prefix_with_thread_get_name": LeftOut(
        "wants threads to be called after `InterpreterPoolExecutor`"
    ),
    "AsyncioTest.test_default_executor": LeftOut(
        "asyncio takes only a `ThreadPoolExecutor` as the default executor of a loop", TypeError
    ),
}


def imported(module: str) -> Any:
    return importlib.import_module(f"{PACKAGE}.{module}")


def found(suite: Suite) -> Any:
    """The suite's class in the running Python, None if it has none."""
    try:
        return getattr(imported(suite.module), suite.name)
    except ModuleNotFoundError:
        return None


def tests(suite: Suite) -> list[str]:
    """The names of the tests that are taken from a suite of the running Python, or left out of it."""
    cls = found(suite)
    names = [name for name in dir(cls) if name.startswith("test_") and callable(getattr(cls, name))]
    if suite.name == "InterpreterPoolExecutorTest":  # the rest is `ExecutorTest`, where two are overridden and skipped
        names = [name for name in names if not hasattr(imported("executor").ExecutorTest, name)]
    return [name for name in names if name not in suite.but and (not suite.only or name in suite.only)]


def adapted() -> Iterator[tuple[str, type]]:
    """Each suite of the running Python as a class of tests that construct a `subpool.Executor`, by its name."""
    util = imported("util")
    for suite in SUITES:
        cls = found(suite)
        if cls is not None:
            bases = (cls,) if issubclass(cls, util.BaseTestCase) else (cls, util.ExecutorMixin, util.BaseTestCase)
            yield f"Test{suite.name}", type(suite.name, bases, _members(suite, cls))


def _members(suite: Suite, cls: Any) -> dict[str, Any]:
    """What differs from the class in CPython."""
    taken = tests(suite)
    members: dict[str, Any] = {name: None for name in dir(cls) if name.startswith("test_") and name not in taken}
    for name in taken:
        if (left_out := LEFT_OUT.get(f"{suite.name}.{name}")) is not None:
            members[name] = _expected_to_fail(getattr(cls, name), left_out)
    return members | {"executor_type": subpool.Executor, "create_event": _create_event, "__module__": __name__}


def _create_event(test: Any) -> RemoteEvent:
    gate = Gate.create()
    test.addCleanup(gate.dispose)
    return RemoteEvent(gate)


def _expected_to_fail(method: Any, left_out: LeftOut) -> Any:
    @functools.wraps(method)
    def run(self: Any) -> None:
        method(self)

    error = left_out.error
    mark = pytest.mark.xfail(reason=left_out.reason, raises=error, run=error is not None, strict=True)
    return mark(run)


class Tally(NamedTuple):
    """How many tests of the suites there are in the running Python."""

    passed: int
    left_out: int
    failing_there: int
    """Those that CPython itself expects to fail, with its own executors, too."""


def tally() -> Tally:
    taken = [(suite, name) for suite in SUITES if found(suite) is not None for name in tests(suite)]
    left_out = [name for suite, name in taken if f"{suite.name}.{name}" in LEFT_OUT]
    failing = [name for suite, name in taken if hasattr(getattr(found(suite), name), "__unittest_expecting_failure__")]
    return Tally(len(taken) - len(left_out) - len(failing), len(left_out), len(failing))


def row(figures: Tally) -> str:
    """What the page says of the running Python."""
    return "| " + " | ".join(map(str, (platform.python_version(), *figures))) + " |"


def table() -> str:
    """What the page says of the tests that are left out."""
    lines = ["| test | why it does not apply |", "|---|---|"]
    return "\n".join(lines + [f"| `{name}` | {left_out.reason} |" for name, left_out in LEFT_OUT.items()])
