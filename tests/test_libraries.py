"""Whose code is never interrupted."""

from __future__ import annotations

import json
import os
import sysconfig
from types import CodeType, FunctionType

import pytest

import subpool
from subpool._schedule.libraries import Libraries, stdlib

STDLIB = sysconfig.get_paths()["stdlib"]
INSTALLED = os.path.join(STDLIB, "site-packages", "subpool")


def code_in(path: str) -> CodeType:
    return compile("pass", path, "exec")


def of(function: object) -> CodeType:
    assert isinstance(function, FunctionType)
    return function.__code__


@pytest.mark.parametrize("where", [None, INSTALLED], ids=["here", "installed"])
def test_the_standard_library_is_one(where: str | None) -> None:
    libraries = Libraries(stdlib(), where) if where else Libraries(stdlib())
    for code in (of(json.dumps), of(os.walk), code_in("<frozen importlib._bootstrap>")):
        assert code in libraries


def test_subpool_is_one() -> None:
    assert of(subpool.join) in Libraries(stdlib())


@pytest.mark.parametrize("inside", ["_schedule/waiting.py", "task.py"])
def test_subpool_is_one_wherever_it_is_installed(inside: str) -> None:
    assert code_in(os.path.join(INSTALLED, inside)) in Libraries(stdlib(), INSTALLED)


@pytest.mark.parametrize(
    "path",
    [
        __file__,
        "<stdin>",
        "<string>",
        os.path.join(STDLIB, "site-packages", "numpy", "core.py"),
        os.path.join(STDLIB, "site-packages", "subpool_plugin.py"),
        os.path.join(STDLIB, "dist-packages", "six.py"),
        STDLIB + "_of_mine/module.py",
    ],
)
def test_whatever_else_there_is_is_the_users(path: str) -> None:
    assert code_in(path) not in Libraries(stdlib(), INSTALLED)
