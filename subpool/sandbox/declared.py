"""Types as a manifest declares them: text read into the types that msgspec checks by."""

from __future__ import annotations

import ast
import datetime as dt
import decimal
import uuid
from typing import Any, Final, Literal, Optional, Union

__all__ = ["parse_type"]

NAMES: Final[dict[str, Any]] = {
    **{cls.__name__: cls for cls in (int, float, str, bool, bytes, bytearray, list, tuple, dict, set, frozenset)},
    **{cls.__name__: cls for cls in (dt.date, dt.time, dt.datetime, dt.timedelta)},
    **{f"datetime.{cls.__name__}": cls for cls in (dt.date, dt.time, dt.datetime, dt.timedelta)},
    "Decimal": decimal.Decimal,
    "decimal.Decimal": decimal.Decimal,
    "UUID": uuid.UUID,
    "uuid.UUID": uuid.UUID,
    "Any": Any,
    "object": Any,
    "Literal": Literal,
    "Optional": Optional,
    "Union": Union,
}
"""What a manifest can name: what has a form in JSON."""


def parse_type(text: str) -> Any:
    """The type that a text stands for. Names, subscripts, unions and literals are read; nothing is evaluated.

    Raises:
        ValueError: it stands for none, or for one that is not known here.
    """
    try:
        return _type_of(ast.parse(text, mode="eval").body)
    except (SyntaxError, TypeError) as error:
        raise ValueError(f"{text!r} is not a type: {error}") from None


def _type_of(node: ast.expr) -> Any:
    match node:
        case ast.Name() | ast.Attribute() if ast.unparse(node) in NAMES:
            return NAMES[ast.unparse(node)]
        case ast.Constant(value=None):
            return None
        case ast.Constant(value=value):
            return value
        case ast.Subscript(value=base, slice=ast.Tuple(elts=parts)):
            return _type_of(base)[tuple(_type_of(part) for part in parts)]
        case ast.Subscript(value=base, slice=part):
            return _type_of(base)[_type_of(part)]
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _type_of(left) | _type_of(right)
        case _:
            raise ValueError(f"{ast.unparse(node)!r} is not a type that a manifest can name")
