"""Strict mode: a call that crosses to another interpreter even if it stays.

Its written form is made at once, and what runs is rebuilt from that; so is its result. Code that wrongly relies on
objects shared with its caller, or holds what cannot cross, then fails every time.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from subpool._schedule.refusal import Unbuilt, needs_host, refusal_in
from subpool._wire.extensions import refusing_module
from subpool._wire.payload import of_result, rebuild, unpacked, write
from subpool.errors import SerializationError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["crossed", "crossing"]


def crossing(function: Callable[..., Any], args: tuple[Any, ...]) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """The same call by way of its written form.

    Raises:
        SerializationError: it has none; the message names the part.
    """
    try:
        data = write((function, args), lend=True)
    except SerializationError as error:
        from subpool._wire.explain import explain_call

        raise SerializationError(explain_call(function, args, error.__cause__ or error)) from error
    return run_written, (data,)


def crossed(function: Callable[[], Any]) -> Callable[[], Any]:
    """The same callable by way of its written form; itself if it must not cross."""
    if needs_host(function):
        return function
    run, args = crossing(function, ())
    return partial(run, *args)


def run_written(data: bytes) -> Any:
    """Rebuild a call, run it, and give its result by way of its own written form."""
    try:
        function, args = unpacked(data)
    except Exception as error:
        if refusing_module(error, lenient=True) is None:
            raise
        raise Unbuilt from error
    try:
        value = function(*args)
    except ImportError as error:
        if refusal_in(error, function, args) is None:
            raise
        raise Unbuilt from error
    try:
        return rebuild(write(value, lend=True))
    except SerializationError as error:
        raise of_result(error) from error
