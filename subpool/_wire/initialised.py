"""What a worker's initializer made of the globals that came with it.

A function that is written by value brings along copies of the globals it refers to, as they are in its home. What the
initializer has set in this worker goes before them, as if both lived in one module here.
"""

from __future__ import annotations

import sys
from types import FunctionType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["initialise", "set_state"]

_kept: dict[str, dict[str, Any]] = {}  # by the name of the module that the initializer is from


def initialise(function: Callable[..., object], args: tuple[Any, ...]) -> None:
    """Call an initializer, and keep what it changes of its globals, if it came by value."""
    inner: Any = function
    while not isinstance(inner, FunctionType):
        inner = getattr(inner, "func", getattr(inner, "__func__", None))
        if inner is None:
            function(*args)
            return
    own: dict[str, Any] = inner.__globals__
    before = {name: (value, _copied(value)) for name, value in own.items()}
    function(*args)
    if own is not getattr(sys.modules.get(inner.__module__), "__dict__", None):
        _kept[inner.__module__] = {name: value for name, value in own.items() if _changed(value, before.get(name))}


def _copied(value: Any) -> Any:
    return value.copy() if type(value) in (dict, list, set) else value


def _changed(value: Any, before: tuple[Any, Any] | None) -> bool:
    """Whether this is another value, or the same with other contents."""
    if before is None or value is not before[0]:
        return True
    return type(value) in (dict, list, set) and bool(value != before[1])


def set_state(function: FunctionType, state: Any) -> None:
    """Finish a function that is rebuilt from its written form."""
    import cloudpickle.cloudpickle

    theirs: Any = cloudpickle.cloudpickle
    theirs._function_setstate(function, state)
    function.__globals__.update(_kept.get(function.__module__, ()))
