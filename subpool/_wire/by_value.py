"""Writing by value, with cloudpickle: what pickle cannot name. Imported at first need, since cloudpickle is dear."""

from __future__ import annotations

import copyreg
import io
from collections import ChainMap
from typing import Any

import cloudpickle

__all__ = ["by_value"]


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc, unused-ignore]
    """Cloudpickle's, but for open files: those it would replace by their content."""

    _own = {kind: reduce for kind, reduce in cloudpickle.Pickler._dispatch_table.items() if kind is not io.TextIOWrapper}
    dispatch_table: Any = ChainMap(_own, copyreg.dispatch_table)


def by_value(value: object) -> bytes:
    """Write a value; raises whatever its parts raise when they refuse."""
    buffer = io.BytesIO()
    _Pickler(buffer, 5).dump(value)
    return buffer.getvalue()
