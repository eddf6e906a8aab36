"""How values, calls and outcomes are written for another interpreter, and rebuilt there.

Everything is written with pickle protocol 5; what pickle cannot name (lambdas, closures, whatever lives in `__main__`)
is written by value with cloudpickle, whose output plain pickle reads. A payload that mentions `__main__` by reference
would be wrong elsewhere, so it is found by its name in the bytes and written again by value.

Both sides of a pool are one process and one program: nothing written here comes from outside it.
"""

from __future__ import annotations

import sys
from enum import IntEnum
from pickle import dumps, loads
from typing import Any, Final

from subpool._wire.bulk import LARGE, Bulky, Refused, has_large, looks_bulky, pack, refuse, unpack
from subpool.errors import RemoteError, RemoteTraceback, SerializationError, TaskCancelled

__all__ = [
    "Kind",
    "decode_error",
    "encode_error",
    "of_result",
    "read",
    "rebuild",
    "rebuild_short",
    "unpacked",
    "unreadable",
    "write",
]


HEAD: Final = 2000
"""Characters of a traceback that are kept from its beginning."""
TAIL: Final = 6000
"""Characters of a traceback that are kept from its end."""


class Kind(IntEnum):
    """What an outcome is."""

    VALUE = 0  # the call returned; the payload is what it returned
    ERROR = 1  # the call raised; the payload describes it (`encode_error`)
    CANCELLED = 2  # the call was stopped, or never begun, since its owner asked for that
    UNREADABLE = 3  # the call could not be rebuilt in the taker: nothing of it has run; the payload says why
    DECLINED = 4  # the taker had no business with it: nothing of it has run
    LOST = 5  # the taker ended before it was done
    REFUSED = 6  # a module refuses to load in a subinterpreter: nothing of it has run; the payload says which, and why


def write(value: object, *, lend: bool = False) -> bytes:
    """Write a value.

    Args:
        value: what to write.
        lend: whether its large buffers may stay where they are: what is returned is then `Bulky`, if there are any.

    Raises:
        SerializationError: it cannot be written; the message names the part that refused.
    """
    if lend:
        return _write_lending(value)
    try:
        data = dumps(value, 5)
    except Exception:  # noqa: BLE001 - a value's own reducers may raise anything; by value is the second try
        return _write_by_value(value)
    return _write_by_value(value) if b"__main__" in data else data


def _write_lending(value: object) -> bytes:
    try:
        if looks_bulky(value):
            data = pack(value)
        else:
            data = dumps(value, 5, buffer_callback=refuse)
            if len(data) > LARGE and has_large(data):
                data = pack(value)
    except Refused:
        return _write_apart(value)
    except Exception as error:  # noqa: BLE001 - as above
        if isinstance(error, TypeError) and "memoryview" in str(error):
            return _write_apart(value)
        return _write_by_value(value, lend=True)
    return _write_by_value(value, lend=True) if b"__main__" in data else data


def _write_apart(value: object) -> bytes:
    """Write what has buffers, and is not by value as far as is known."""
    try:
        data = pack(value)
    except Exception:  # noqa: BLE001 - as above
        return _write_by_value(value, lend=True)
    return _write_by_value(value, lend=True) if b"__main__" in data else data


def _write_by_value(value: object, *, lend: bool = False) -> bytes:
    from subpool._wire.by_value import by_value

    try:
        return by_value(value, lend=lend)
    except Exception as error:
        from subpool._wire.explain import explain

        raise SerializationError(explain(value, error)) from error


def unpacked(data: Any) -> Any:
    """Rebuild what was written with `lend`, or without."""
    return unpack(data) if type(data) is Bulky else loads(data)


read = loads


def unreadable(error: BaseException) -> str:
    """Say why a payload could not be rebuilt here, with what was searched if a module was missing."""
    text = f"{type(error).__name__}: {error}"
    if isinstance(error, ModuleNotFoundError):
        text += f" (searched: {sys.path})"
    return f"cannot be rebuilt in the worker: {text}"


def encode_error(error: BaseException) -> bytes:
    """Write an exception: itself where it can be rebuilt, and a description of it in any case."""
    text = _shortened(_formatted(error))
    try:
        written = write(error)
        if type(read(written)) is not type(error):
            written = b""
    except Exception:  # noqa: BLE001 - an exception that cannot be replayed travels as a description
        written = b""
    try:
        message = str(error)
    except Exception:  # noqa: BLE001
        message = "<no message: its __str__ failed>"
    cls = type(error)
    return dumps((written, f"{cls.__module__}.{cls.__qualname__}".removeprefix("builtins."), message, text), 5)


def _shortened(text: str) -> str:
    """A traceback without its middle, if it is long: deep recursion through several workers would nest without end."""
    if len(text) <= HEAD + TAIL:
        return text
    head, tail = text[:HEAD].rpartition("\n")[0], text[-TAIL:].partition("\n")[2]
    return f"{head}\n  [... {len(text) - len(head) - len(tail)} characters left out ...]\n{tail}"


def _formatted(error: BaseException) -> str:
    import traceback

    try:
        own = error.__traceback__
        while own is not None and own.tb_frame.f_globals.get("__name__", "").startswith("subpool._schedule"):
            own = own.tb_next  # the pool's own frames tell the reader nothing
        return "".join(traceback.format_exception(type(error), error, own))
    except Exception:  # noqa: BLE001 - a __str__ that fails must not hide what happened
        return f"{type(error).__name__} (its traceback could not be formatted)\n"


def decode_error(data: bytes | memoryview) -> BaseException:
    """Rebuild an exception with its remote traceback as cause, or what stands for it."""
    written, type_name, message, text = loads(data)
    error: BaseException
    try:
        error = loads(written) if written else RemoteError(type_name, message, text)
    except Exception:  # noqa: BLE001 - rebuilt in the worker, but not here
        error = RemoteError(type_name, message, text)
    if not isinstance(error, BaseException) or isinstance(error, TaskCancelled):
        error = RemoteError(type_name, message, text)
    error.__cause__ = RemoteTraceback(text)
    return error


def of_result(error: SerializationError) -> SerializationError:
    """The same complaint, said of a result: `result["a"][1]: …`."""
    text = str(error).removeprefix("value")
    joint = "" if text.startswith(("[", ":", ".", "result")) else "."
    return SerializationError(f"{'' if text.startswith('result') else 'result'}{joint}{text}")


def landed(view: memoryview) -> bytes:
    """Copy what came by reference, and let go of it at once.

    The memory belongs to the interpreter that sent it, and ends with it; CPython 3.13 and later crash when a view is
    dropped after that, and a view lives as long as any frame or traceback that mentions it.
    """
    data = bytes(view)
    view.release()
    return data


def rebuild(data: Any) -> Any:
    """Rebuild a result in its caller.

    Raises:
        SerializationError: it cannot be rebuilt here; the message says why.
    """
    try:
        return unpack(data) if type(data) is Bulky else loads(data)
    except Exception as error:
        raise _unbuilt(error) from error


def rebuild_short(data: Any) -> Any:
    """The same for a result that came in a slot: so it has no buffers."""
    try:
        return loads(data)
    except Exception as error:
        raise _unbuilt(error) from error


def _unbuilt(error: Exception) -> SerializationError:
    return SerializationError(f"result cannot be rebuilt in the caller: {type(error).__name__}: {error}")
