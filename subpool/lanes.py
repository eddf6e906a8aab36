"""Saying of a function where it must run: `needs_host`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from subpool._schedule.refusal import NEEDS_HOST

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["needs_host"]


def needs_host[F: Callable[..., Any]](function: F) -> F:
    """Mark a function that must not run in a subinterpreter, since it will need what does not load in one.

    As a background task it goes from the start where others go when a module refuses: to a thread of the host, or to a
    process under `on_unsupported="process"`, without a warning. In `join`, `join_all` and scopes its caller runs it. It
    keeps the mark inside a `functools.partial` and as a bound method.

    Example::

        @subpool.needs_host
        def mean(values: list[float]) -> float:
            total = count(values)  # nothing may have run before a refusal: hence the mark
            import numpy

            return numpy.mean(values)

    Args:
        function: any callable that takes attributes.

    Returns:
        The same function.

    Raises:
        TypeError: it takes no attributes, as built-in functions; a function of one's own around it does.
    """
    if not callable(function):
        raise TypeError(f"needs_host: not callable: {function!r}")
    try:
        setattr(function, NEEDS_HOST, True)
    except AttributeError:
        raise TypeError(f"needs_host: {function!r} takes no mark: wrap it in a function of your own") from None
    return function
