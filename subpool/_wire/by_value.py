"""Writing by value, with cloudpickle: what pickle cannot name. Imported at first need, since cloudpickle is dear."""

from __future__ import annotations

import copyreg
import io
from collections import ChainMap
from typing import Any, ClassVar

import cloudpickle

from subpool._wire.initialised import set_state

__all__ = ["by_value"]

_theirs: dict[Any, Any] = getattr(cloudpickle.Pickler, "_dispatch_table")  # noqa: B009 - untyped, and private


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc, unused-ignore]
    """Cloudpickle's, but for open files, which it would replace by their content, and for initialised globals."""

    dispatch_table: ClassVar[Any] = ChainMap(
        {kind: reduce for kind, reduce in _theirs.items() if kind is not io.TextIOWrapper}, copyreg.dispatch_table
    )

    def _dynamic_function_reduce(self, func: Any) -> Any:
        theirs: Any = super()
        return *theirs._dynamic_function_reduce(func)[:5], set_state


def by_value(value: object) -> bytes:
    """Write a value; raises whatever its parts raise when they refuse."""
    buffer = io.BytesIO()
    pickler: Any = _Pickler(buffer, 5)
    pickler.dump(value)
    return buffer.getvalue()
