"""Writing by value, with cloudpickle: what pickle cannot name. Imported at first need, since cloudpickle is dear."""

from __future__ import annotations

import copyreg
import io
from collections import ChainMap
from typing import Any, ClassVar

import cloudpickle

from subpool._wire.bulk import LARGE, Apart, Refused, has_large, reduce_view, refuse, written_with
from subpool._wire.initialised import set_state

__all__ = ["by_value"]

_theirs: dict[Any, Any] = getattr(cloudpickle.Pickler, "_dispatch_table")  # noqa: B009 - untyped, and private
_left_out = (io.TextIOWrapper, memoryview)  # cloudpickle writes the content of files, and forgets the layout of views
_ours: dict[Any, Any] = {kind: reduce for kind, reduce in _theirs.items() if kind not in _left_out}


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc, unused-ignore]
    """Cloudpickle's, but for open files, which it would replace by their content, and for initialised globals."""

    dispatch_table: ClassVar[Any] = ChainMap({**_ours, memoryview: reduce_view}, copyreg.dispatch_table)

    def _dynamic_function_reduce(self, func: Any) -> Any:
        theirs: Any = super()
        return *theirs._dynamic_function_reduce(func)[:5], set_state


class _Refusing(_Pickler):
    """Gives up where there are buffers."""

    dispatch_table: ClassVar[Any] = ChainMap({**_ours, memoryview: refuse}, copyreg.dispatch_table)


class _Bulk(Apart, _Pickler):
    """Leaves buffers apart."""


def by_value(value: object, *, lend: bool = False) -> bytes:
    """Write a value, and with `lend` its large buffers apart; raises whatever its parts raise when they refuse."""
    buffer = io.BytesIO()
    pickler: Any = _Refusing(buffer, 5, buffer_callback=refuse) if lend else _Pickler(buffer, 5)
    try:
        pickler.dump(value)
    except Refused:
        return written_with(_Bulk, value)
    data = buffer.getvalue()
    return written_with(_Bulk, value) if lend and len(data) > LARGE and has_large(data) else data
