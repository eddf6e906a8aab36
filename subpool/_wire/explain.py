"""Finds the part of a value that cannot be written, for the message of a `SerializationError`."""

from __future__ import annotations

import functools
import pickle
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["explain"]

DEPTH = 12
BREADTH = 200


def explain(value: object, error: BaseException) -> str:
    """Name the innermost part of a value that refuses to be written, as a path from the value, and its type."""
    path, culprit = _descend("", value, DEPTH, set())
    where = path.removeprefix(".") or "value"
    return f"{where}: {_type_name(culprit)} cannot be written for another interpreter ({error})"


def _quoted(key: object) -> str:
    return f'"{key}"' if isinstance(key, str) else repr(key)


def _type_name(value: object) -> str:
    cls = type(value)
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


def _descend(path: str, value: object, depth: int, seen: set[int]) -> tuple[str, object]:
    """Follow the first part that cannot be written for as long as it has parts of its own."""
    seen.add(id(value))
    if depth:
        for step, part in _parts(value):
            if id(part) not in seen and not _writable(part):
                return _descend(path + step, part, depth - 1, seen)
    return path, value


def _writable(value: object) -> bool:
    from subpool._wire.by_value import by_value

    try:
        pickle.dumps(value, 5)
    except Exception:  # noqa: BLE001 - reducers may raise anything
        try:
            by_value(value)
        except Exception:  # noqa: BLE001
            return False
    return True


def _parts(value: object) -> Iterator[tuple[str, object]]:
    """The parts of a value, each with the step that leads to it."""
    for number, part in enumerate(_all_parts(value)):
        if number == BREADTH:
            return
        yield part


def _all_parts(value: Any) -> Iterator[tuple[str, object]]:
    if isinstance(value, _Call):
        yield "function", value.function
        for number, argument in enumerate(value.args):
            yield f"args[{number}]", argument
    elif isinstance(value, dict):
        for key, part in cast("dict[object, object]", value).items():
            yield f"[{_quoted(key)}]", part
            yield f".keys()[{_quoted(key)}]", key
    elif isinstance(value, (list, tuple)):
        for number, part in enumerate(cast("tuple[object, ...]", value)):
            yield f"[{number}]", part
    elif isinstance(value, (set, frozenset)):
        for part in cast("set[object]", value):
            yield "{…}", part
    elif isinstance(value, functools.partial):
        yield ".func", value.func
        yield from ((f".args[{number}]", part) for number, part in enumerate(value.args))
        yield from ((f".keywords[{_quoted(key)}]", part) for key, part in value.keywords.items())
    elif isinstance(value, MethodType):
        yield ".__self__", value.__self__
    elif isinstance(value, FunctionType):
        yield from _function_parts(value)
    else:
        yield from _attributes(value)


def _function_parts(function: FunctionType) -> Iterator[tuple[str, object]]:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
        try:
            yield f".<closure {name}>", cell.cell_contents
        except ValueError:
            continue
    for name in function.__code__.co_names:
        if name in function.__globals__:
            yield f".<global {name}>", function.__globals__[name]


def _attributes(value: object) -> Iterator[tuple[str, object]]:
    for name, part in list(getattr(value, "__dict__", {}).items()):
        yield f".{name}", part
    for cls in type(value).__mro__:
        slots = cls.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if hasattr(value, name):
                yield f".{name}", getattr(value, name)


class _Call:
    """A call seen as a value whose parts are the function and its arguments."""

    def __init__(self, function: object, args: tuple[object, ...]) -> None:
        self.function, self.args = function, args

    def __reduce__(self) -> tuple[Any, ...]:
        return _Call, (self.function, self.args)


def explain_call(function: object, args: tuple[object, ...], error: BaseException) -> str:
    """Name the part of a call that refuses to be written: `function…` or `args[n]…`."""
    return explain(_Call(function, args), error)
