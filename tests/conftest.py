"""What every test module stands on: it gives back all that it took, and pools of the usual sizes."""

import ctypes
import gc
import io
import signal
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
from leaks import Holdings, left_since

import subpool
from subpool import ambient

pytest_plugins = ["shared", "plugins"]
ctypes.CFUNCTYPE(None)(lambda: None)  # libffi opens a file for itself, once per process, and keeps it

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Started in the background of a shell: programs that tests interrupt would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure() -> None:
    """Where a test hangs, tell what the workers do, too.

    In place of what the plugin does: it looks at frames of all interpreters, which crashes CPython 3.13.
    """
    plugin: Any = import_module("pytest_timeout")

    def dump(terminal: Any) -> None:
        file = io.StringIO()
        subpool.dump_stacks(file)
        terminal.write(file.getvalue())

    plugin.dump_stacks = dump


@pytest.fixture(scope="module", autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """Fails the module that leaks an interpreter, a thread, a queue or a file descriptor.

    Autouse fixtures of a scope are set up first and so torn down last, after the pools that a module shares.
    """
    before = Holdings.now()
    yield
    ambient.shutdown_default()
    gc.collect()
    left = left_since(before)
    assert not left, f"left behind: {left}"


@pytest.fixture
def pool() -> Iterator[subpool.Pool]:
    """A pool of one worker, of this test alone."""
    with subpool.Pool(workers=1) as it:
        yield it


@pytest.fixture(params=[0, 1, 3], ids="workers={}".format)
def pools(request: pytest.FixtureRequest) -> Iterator[subpool.Pool]:
    """A pool of this test alone, once of each size."""
    with subpool.Pool(workers=request.param) as it:
        yield it
