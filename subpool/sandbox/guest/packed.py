"""MessagePack as msgspec writes and reads it on the host's side, by the standard library alone.

What MessagePack has no form for is written as in JSON, but for bytes, which stay bytes.
"""

# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownMemberType=false
# The values that pass here may be anything: what is known of them is what `isinstance` said.

from __future__ import annotations

import struct
from struct import Struct
from typing import Any, Final

from subpool.sandbox.guest.codec import Unwritable, _name, _plain

__all__ = ["read", "write"]

DEEPEST: Final = 200
UNSIGNED: Final = ((0xCC, Struct(">BB"), 1 << 8), (0xCD, Struct(">BH"), 1 << 16), (0xCE, Struct(">BI"), 1 << 32),
                   (0xCF, Struct(">BQ"), 1 << 64))  # fmt: skip
SIGNED: Final = ((0xD0, Struct(">Bb"), 1 << 7), (0xD1, Struct(">Bh"), 1 << 15), (0xD2, Struct(">Bi"), 1 << 31),
                 (0xD3, Struct(">Bq"), 1 << 63))  # fmt: skip
SIZES: Final = (Struct(">BB"), Struct(">BH"), Struct(">BI"))
FLOAT: Final = Struct(">Bd")
TEXT: Final = (0xD9, 0xDA, 0xDB)
BYTES: Final = (0xC4, 0xC5, 0xC6)
ARRAY: Final = (None, 0xDC, 0xDD)
MAP: Final = (None, 0xDE, 0xDF)
FIXED: Final = {
    0xCA: Struct(">f"), 0xCB: Struct(">d"), 0xCC: Struct(">B"), 0xCD: Struct(">H"), 0xCE: Struct(">I"),
    0xCF: Struct(">Q"), 0xD0: Struct(">b"), 0xD1: Struct(">h"), 0xD2: Struct(">i"), 0xD3: Struct(">q"),
}  # fmt: skip
LENGTHS: Final = (Struct(">B"), Struct(">H"), Struct(">I"))
TIMESTAMP: Final = 0xFF


def write(value: Any, path: str = "result") -> bytes:
    """Write a value.

    Raises:
        Unwritable: a part of it has no form.
    """
    out = bytearray()
    _write(value, out.extend, path, 0)
    return bytes(out)


def _write(value: Any, out: Any, path: str, depth: int) -> None:
    cls = type(value)
    if depth > DEEPEST:
        raise Unwritable(path, "nested too deeply")
    if value is None or cls is bool:
        out(b"\xc0" if value is None else b"\xc3" if value else b"\xc2")
    elif cls is int:
        out(_integer(value, path))
    elif cls is float:
        out(FLOAT.pack(0xCB, value))
    elif cls is str:
        try:
            data = value.encode()
        except UnicodeEncodeError as error:
            raise Unwritable(path, f"text that is not Unicode: {error}") from None
        out(_head(len(data), 0xA0, 32, TEXT, path) + data)
    elif isinstance(value, (bytes, bytearray, memoryview)):
        data = bytes(value)
        out(_head(len(data), 0, 0, BYTES, path) + data)
    else:
        _write_parts(value, out, path, depth)


def _write_parts(value: Any, out: Any, path: str, depth: int) -> None:
    known, plain = _plain(value)
    if known:
        _write(plain, out, path, depth + 1)
    elif isinstance(value, dict):
        out(_head(len(value), 0x80, 16, MAP, path))
        for key, part in value.items():
            _write(key, out, path, depth + 1)
            _write(part, out, f"{path}[{key!r}]", depth + 1)
    elif isinstance(value, (list, tuple)):
        out(_head(len(value), 0x90, 16, ARRAY, path))
        for index, part in enumerate(value):
            _write(part, out, f"{path}[{index}]", depth + 1)
    elif isinstance(value, (int, float, str)):  # of a class of the plugin's own
        base = next(base for base in (int, float, str) if isinstance(value, base))
        _write(base(value), out, path, depth + 1)
    else:
        raise Unwritable(path, f"{_name(value)} has no form in MessagePack")


def _integer(value: int, path: str) -> bytes:
    if -32 <= value < 128:
        return (value & 0xFF).to_bytes()
    for mark, form, end in UNSIGNED if value >= 0 else SIGNED:
        if -end <= value < end:
            return form.pack(mark, value)
    raise Unwritable(path, "an integer of more than 64 bits has no form in MessagePack")


def _head(size: int, small: int, below: int, marks: tuple[int | None, ...], path: str) -> bytes:
    if size < below:
        return (small | size).to_bytes()
    for mark, form, end in zip(marks, SIZES, (1 << 8, 1 << 16, 1 << 32), strict=True):
        if mark is not None and size < end:
            return form.pack(mark, size)
    raise Unwritable(path, "too large for MessagePack")


def read(data: bytes) -> Any:
    """Read a value.

    Raises:
        ValueError: the data makes no sense.
    """
    try:
        value, at = _read(data, 0)
    except (IndexError, struct.error, UnicodeDecodeError, RecursionError, TypeError) as error:
        raise ValueError(f"not MessagePack: {error}") from None
    if at != len(data):
        raise ValueError("not MessagePack: something follows")
    return value


def _read(data: bytes, at: int) -> tuple[Any, int]:
    mark = data[at]
    at += 1
    if mark < 0x80 or mark >= 0xE0:
        return (mark if mark < 0x80 else mark - 256), at
    if mark < 0xC0:
        size = mark & (0x1F if mark >= 0xA0 else 0x0F)
        kind = "str" if mark >= 0xA0 else "array" if mark >= 0x90 else "map"
        return _read_sized(data, at, size, kind)
    if mark in (0xC0, 0xC2, 0xC3):
        return {0xC0: None, 0xC2: False, 0xC3: True}[mark], at
    if mark in FIXED:
        form = FIXED[mark]
        return form.unpack_from(data, at)[0], at + form.size
    for kind, marks in (("str", TEXT), ("bytes", BYTES), ("array", ARRAY), ("map", MAP)):
        if mark in marks:
            form = LENGTHS[marks.index(mark)]
            return _read_sized(data, at + form.size, form.unpack_from(data, at)[0], kind)
    return _read_extension(data, at, mark)


def _read_sized(data: bytes, at: int, size: int, kind: str) -> tuple[Any, int]:
    if kind in ("str", "bytes"):
        piece = data[at : at + size]
        if len(piece) < size:
            raise IndexError("it ends too early")
        return (piece.decode() if kind == "str" else piece), at + size
    parts: list[Any] = []
    for _ in range(size * (2 if kind == "map" else 1)):
        part, at = _read(data, at)
        parts.append(part)
    return (dict(zip(parts[::2], parts[1::2], strict=True)) if kind == "map" else parts), at


def _read_extension(data: bytes, at: int, mark: int) -> tuple[Any, int]:
    """Times are the one extension that msgspec writes."""
    if mark in (0xC7, 0xC8, 0xC9):
        form = LENGTHS[mark - 0xC7]
        size, at = form.unpack_from(data, at)[0], at + form.size
    elif 0xD4 <= mark <= 0xD8:
        size = 1 << (mark - 0xD4)
    else:
        raise IndexError(f"no value begins with {mark:#x}")
    if data[at] != TIMESTAMP or size not in (4, 8, 12):
        raise IndexError("an extension that is not known")
    return _time(data[at + 1 : at + 1 + size]), at + 1 + size


def _time(data: bytes) -> Any:
    from datetime import UTC, datetime, timedelta

    number = int.from_bytes(data)
    seconds, nanoseconds = number, 0
    if len(data) == 8:
        seconds, nanoseconds = number & ((1 << 34) - 1), number >> 34
    elif len(data) == 12:
        seconds, nanoseconds = int.from_bytes(data[4:], signed=True), int.from_bytes(data[:4])
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds, microseconds=nanoseconds // 1000)
