"""Carrying a caller's context variables along with a call."""

from __future__ import annotations

import sys
from contextvars import ContextVar, copy_context
from importlib import import_module
from pickle import dumps
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["arithmetic", "calculate", "call_with", "carrying"]


def carrying(
    function: Callable[..., Any], args: tuple[Any, ...]
) -> tuple[Callable[..., Any], tuple[list[tuple[str, str, Any]], Callable[..., Any], tuple[Any, ...]]]:
    """The same call with the context variables that can be named elsewhere, and whose values can be written."""
    return call_with, (_values(), function, args)


def _values() -> list[tuple[str, str, Any]]:
    found: list[tuple[str, str, Any]] = []
    names: dict[ContextVar[Any], tuple[str, str]] = {
        variable: (module_name, name)
        for module_name, module in list(sys.modules.items())
        if module_name != "__main__"
        for name, variable in list(getattr(module, "__dict__", {}).items())
        if isinstance(variable, ContextVar)
    }
    for variable, value in copy_context().items():
        if variable in names:
            try:
                dumps(value, 5)
            except Exception:  # noqa: BLE001 - a value that cannot cross stays at home
                continue
            found.append((*names[variable], value))
    return found


def call_with(values: list[tuple[str, str, Any]], function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    """Call with these context variables set, in a context of its own."""
    context = copy_context()
    for module, name, value in values:
        context.run(getattr(import_module(module), name).set, value)
    return context.run(function, *args)


def arithmetic() -> Any:
    """The calling thread's decimal context, if it is not the usual one; else None. It crosses with what is written."""
    decimal: Any = sys.modules.get("decimal")
    if decimal is None or not hasattr(decimal, "getcontext"):
        return None
    context = decimal.getcontext()
    usual = decimal.DefaultContext
    for name in ("prec", "rounding", "Emin", "Emax", "capitals", "clamp", "traps"):
        if getattr(context, name) != getattr(usual, name):
            return context.copy()
    return None


def calculate(context: Any, function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    """Call with this decimal context in force."""
    import decimal

    with decimal.localcontext(context):
        return function(*args)
