"""The executor tests that ship with CPython, run against `subpool.Executor`, and what the documentation says of it."""

from __future__ import annotations

import importlib
import inspect
import platform
import re
from typing import Any

import pytest
from helpers import LIBRARY
from sources import REPOSITORY

pytest.importorskip("test.test_concurrent_futures", reason="this Python came without its own tests")

import suites

import subpool

PAGE = (REPOSITORY / "docs" / "cpython-suites.md").read_text(encoding="utf-8")
KNOWN = re.findall(r"^\| (3\.\d+\.\d+) \|", PAGE, re.MULTILINE)
"""The Pythons that the page speaks of; in others the suites may have other tests."""

#: A few of the tests wait for seconds, and one for longer the fewer cores there are.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

globals().update(suites.adapted())


@pytest.fixture(scope="module", autouse=True)
def no_event_loop_policy() -> None:
    """One of the suites insists that there is none; other tests may have left one, for all they know of it."""
    events: Any = importlib.import_module("asyncio.events")
    if hasattr(events, "_set_event_loop_policy"):
        events._set_event_loop_policy(None)


@pytest.fixture(autouse=True)
def programs_construct_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some tests run programs, which import the executor by its name from `concurrent.futures`."""
    script_helper: Any = importlib.import_module("test.support.script_helper")
    run, write = script_helper.assert_python_ok, script_helper.make_script

    def ours(source: str) -> str:
        adapted, changes = re.subn(
            r"from concurrent.futures import (\w*Executor)", r"from subpool import Executor as \1", source
        )
        assert changes == 1
        return adapted

    def run_ours(*arguments: str) -> object:
        *options, last = arguments
        return run(*options, ours(last) if options else last, PYTHONPATH=str(LIBRARY), __isolated=False)

    def write_ours(folder: str, name: str, source: str) -> object:
        return write(folder, name, ours(source))

    monkeypatch.setattr(script_helper, "make_script", write_ours)
    monkeypatch.setattr(script_helper, "assert_python_ok", run_ours)
    monkeypatch.setattr(suites.imported("test_shutdown"), "assert_python_ok", run_ours)


@pytest.mark.skipif(platform.python_version() not in KNOWN, reason="the page does not speak of this Python")
class TestPage:
    """docs/cpython-suites.md is true, as long as the tests above pass."""

    def test_figures(self) -> None:
        assert suites.row(suites.tally()) in PAGE

    def test_what_is_left_out(self) -> None:
        assert suites.table() in PAGE

    @pytest.mark.parametrize("name", suites.LEFT_OUT)
    def test_what_is_left_out_exists(self, name: str) -> None:
        suite = next(suite for suite in suites.SUITES if name.startswith(suite.name + "."))
        if suites.found(suite) is None:
            pytest.skip("this Python has no such executor")
        assert name.partition(".")[2] in suites.tests(suite)


def test_what_is_not_run_would_fail() -> None:
    """The test that would leave calls behind reads an attribute that an executor here does not have."""
    not_run = [name for name, left_out in suites.LEFT_OUT.items() if left_out.error is None]
    assert not_run == ["InterpreterPoolExecutorTest.test_saturation"]
    suite = next(suite for suite in suites.SUITES if suite.name == "InterpreterPoolExecutorTest")
    if suites.found(suite) is None:
        pytest.skip("this Python has no such executor")
    assert "len(executor._threads)" in inspect.getsource(suites.found(suite).test_saturation)
    assert not hasattr(subpool.Executor(1), "_threads")
