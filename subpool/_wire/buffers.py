"""Memory by its address: how a view is described in numbers and names, and rebuilt in another interpreter.

All interpreters are one process, so an address is enough. It is valid for as long as whoever described it keeps the
view; who that is, and how it learns that nobody looks any more, is the business of `subpool._schedule.loans`. A view
from here never touches the interpreter that the memory comes from, also when it is dropped: CPython's own views across
interpreters crash where they outlive their sender.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Description", "Exporter", "available", "copied", "described", "discard", "immortalise"]

Description = tuple[int, int, int, bool, str, tuple[int, ...], tuple[int, ...]]
"""Address, length in bytes, item size, whether it is read-only, format, shape, strides."""
FULL: Final = 0x11C
"""`PyBUF_FULL_RO`: whatever layout there is."""


@cache
def _api() -> Any:
    """What of the C API is needed, under names; raises `ImportError` where there is no `ctypes`."""
    import ctypes

    class Api:
        """`Py_buffer`, and the three functions that take one."""

        class Buffer(ctypes.Structure):
            _fields_ = (
                ("buf", ctypes.c_void_p),
                ("obj", ctypes.c_void_p),
                ("len", ctypes.c_ssize_t),
                ("itemsize", ctypes.c_ssize_t),
                ("readonly", ctypes.c_int),
                ("ndim", ctypes.c_int),
                ("format", ctypes.c_char_p),
                ("shape", ctypes.POINTER(ctypes.c_ssize_t)),
                ("strides", ctypes.POINTER(ctypes.c_ssize_t)),
                ("suboffsets", ctypes.c_void_p),
                ("internal", ctypes.c_void_p),
            )

        get: Any = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.py_object, ctypes.c_void_p, ctypes.c_int)(
            ("PyObject_GetBuffer", ctypes.pythonapi)
        )
        release: Any = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)(("PyBuffer_Release", ctypes.pythonapi))
        view: Any = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p)(("PyMemoryView_FromBuffer", ctypes.pythonapi))
        keep: Any = ctypes.PYFUNCTYPE(None, ctypes.py_object)(("Py_IncRef", ctypes.pythonapi))

        @staticmethod
        def numbers(values: tuple[int, ...]) -> Any:
            return (ctypes.c_ssize_t * len(values))(*values)

    return Api


@cache
def available() -> bool:
    """Whether views can be described here: there is `ctypes`."""
    try:
        _api()
    except (ImportError, AttributeError):
        return False
    return True


def described(view: memoryview[Any]) -> Description | None:
    """What another interpreter needs to see the same memory; None for layouts of pointers, which have to be copied."""
    if view.suboffsets:
        return None
    api = _api()
    buffer = api.Buffer()
    api.get(view, _reference(buffer), FULL)
    address: int = buffer.buf or 0
    api.release(_reference(buffer))
    strides = view.strides or ()
    return address, view.nbytes, view.itemsize, view.readonly, view.format, view.shape or (), strides


def _reference(buffer: Any) -> int:
    import ctypes

    return ctypes.addressof(buffer)


class Exporter:
    """Offers memory that it does not own as views; subclasses learn from `__del__` that the last of them is gone."""

    def __init__(self, description: Description, owner: object = None) -> None:
        """Offer this memory; `owner` is kept for as long as there is a view."""
        address, length, size, read_only, form, shape, strides = description
        api = _api()
        buffer = api.Buffer()
        self._owner = owner
        self._kept: tuple[Any, ...] = (form.encode(), api.numbers(shape), api.numbers(strides))
        buffer.format, buffer.shape, buffer.strides = self._kept
        buffer.buf, buffer.len, buffer.itemsize, buffer.readonly = address or 1, length, size, read_only
        buffer.ndim = len(shape)
        self._view: memoryview[Any] = api.view(_reference(buffer))

    def __buffer__(self, flags: int) -> memoryview[Any]:
        return self._view


def copied(data: Any, size: int, form: str, shape: tuple[int, ...], *_: object) -> memoryview[Any]:
    """A view on bytes that are a copy of what another one showed, with its format and shape."""
    flat = memoryview(data)
    if form == "B" and shape == flat.shape:
        return flat
    found = described(flat)
    assert found is not None
    strides = [size]
    for extent in reversed(shape[1:]):
        strides.insert(0, strides[0] * extent)
    description = (*found[:2], size, flat.readonly, form, shape, tuple(strides) if shape else ())
    return memoryview(Exporter(description, flat))  # type: ignore[arg-type, unused-ignore]


def immortalise(view: memoryview[Any]) -> None:
    """Have memory outlive its interpreter: what holds it is never given back."""
    _api().keep(view)


@cache
def _discarding() -> tuple[int, Callable[[int, int], None]]:
    """The size of a page, and what gives pages back to the machine."""
    import ctypes
    import mmap

    advice = getattr(mmap, "MADV_DONTNEED", None)
    advise: Any = ctypes.CDLL(None).madvise
    advise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)

    def give(address: int, length: int) -> None:
        if advice is not None:
            advise(address, length, advice)

    return mmap.PAGESIZE, give


def discard(address: int, length: int) -> None:
    """Give back memory that outlives its interpreter and that nobody will look at again.

    The allocator that it is from is not asked: the block stays taken, and its whole pages lose what is in them.
    """
    page, give = _discarding()
    begin = -(-address // page) * page
    end = (address + length) // page * page
    if end > begin:
        give(begin, end - begin)
