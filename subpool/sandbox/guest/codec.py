"""JSON as msgspec writes and reads it on the host's side, by the standard library alone.

What JSON has no form for is written as msgspec writes it: bytes as base64, dates and times as in RFC 3339, durations as
in ISO 8601, decimals and UUIDs as text, enumerations as their values, dataclasses as objects, sets as arrays, NaN and
the infinities as null.
"""

# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownMemberType=false
# The values that pass here may be anything: what is known of them is what `isinstance` said.

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Unwritable", "read", "write"]


class Unwritable(TypeError):  # noqa: N818 - the plugin never sees it
    """A value, or a part of it, has no form in JSON. `path` says where it sits."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path


read: Callable[..., Any] = json.loads


def _default(value: Any) -> Any:
    known, plain = _plain(value)
    if not known:
        raise TypeError(f"{_name(value)} has no form in JSON")
    return plain


_fast = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_default).encode


def write(value: Any, path: str = "result") -> bytes:
    """Write a value.

    Raises:
        Unwritable: a part of it has no form in JSON.
    """
    try:
        return _fast(value).encode()
    except (TypeError, ValueError, RecursionError):  # a key or a number that JSON lacks, a circle, or no form at all
        spelled = _fast(_spelled(value, path, set()))
    try:
        return spelled.encode()
    except UnicodeEncodeError as error:
        raise Unwritable(path, f"text that is not Unicode: {error}") from None


def _plain(value: Any) -> tuple[bool, Any]:
    """Whether it is known how to write a value that is not JSON's own; and what is written for it."""
    cls = type(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        from binascii import b2a_base64

        return True, b2a_base64(value, newline=False).decode()
    if isinstance(value, (set, frozenset)):
        return True, list(value)
    if hasattr(cls, "__dataclass_fields__"):
        return True, {name: getattr(value, name) for name in cls.__dataclass_fields__ if hasattr(value, name)}
    known = _of_library(value)
    return (True, known) if known is not None else (False, None)


def _of_library(value: Any) -> Any:
    """Values of the standard library's classes; their modules are looked up, never loaded, for this."""
    if _is(value, "enum", "Enum"):
        return value.value
    if _is(value, "datetime", "datetime") or _is(value, "datetime", "time"):
        return value.isoformat().replace("+00:00", "Z")
    if _is(value, "datetime", "date"):
        return value.isoformat()
    if _is(value, "datetime", "timedelta"):
        return _duration(value)
    if _is(value, "decimal", "Decimal") or _is(value, "uuid", "UUID"):
        return str(value)
    return None


def _is(value: object, module: str, name: str) -> bool:
    cls = getattr(sys.modules.get(module), name, None)
    return isinstance(cls, type) and isinstance(value, cls)


def _duration(value: Any) -> str:
    sign, value = ("-", -value) if value.days < 0 else ("", value)
    seconds = (
        f"{value.seconds}.{value.microseconds:06}".rstrip("0").rstrip(".") if value.microseconds else value.seconds
    )
    days = f"{value.days}D" if value.days else ""
    time = f"T{seconds}S" if value.seconds or value.microseconds or not days else ""
    return f"{sign}P{days}{time}"


def _spelled(value: Any, path: str, above: set[int]) -> Any:
    """The value with every part in a form that JSON has, for what the fast way cannot write."""
    if value is None or (isinstance(value, (bool, int, str)) and not _is(value, "enum", "Enum")):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else None
    if id(value) in above:
        raise Unwritable(path, f"{_name(value)} contains itself")
    if len(above) > 200:
        raise Unwritable(path, "nested too deeply")
    above.add(id(value))
    try:
        return _spelled_parts(value, path, above)
    finally:
        above.discard(id(value))


def _spelled_parts(value: Any, path: str, above: set[int]) -> Any:
    if isinstance(value, dict):
        return {_key(key, path): _spelled(part, f"{path}[{key!r}]", above) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_spelled(part, f"{path}[{index}]", above) for index, part in enumerate(value)]
    if hasattr(type(value), "__dataclass_fields__"):
        names = [name for name in type(value).__dataclass_fields__ if hasattr(value, name)]
        return {name: _spelled(getattr(value, name), f"{path}.{name}", above) for name in names}
    known, plain = _plain(value)
    if not known:
        raise Unwritable(path, f"{_name(value)} has no form in JSON")
    return _spelled(plain, path, above)


def _key(key: Any, path: str) -> Any:
    if isinstance(key, (str, int, float)) or key is None:
        return key
    known, plain = _plain(key)
    if not known or not isinstance(plain, (str, int, float)):
        raise Unwritable(path, f"a key of type {_name(key)} has no form in JSON")
    return plain


def _name(value: object) -> str:
    cls = type(value)
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
