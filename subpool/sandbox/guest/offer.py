"""What a plugin offers: its module loaded, its functions by name, each with what turns arguments into its own types."""

from __future__ import annotations

import sys
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from subpool.plugin import EXPORTED
from subpool.sandbox.guest.convert import Misfit, converter_for, hints_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from subpool.sandbox.guest.convert import Converter

__all__ = ["Offered", "load", "offered"]

POSITIONAL = 0x04
"""`inspect.CO_VARARGS`; the module would cost each plugin a megabyte."""


def load(name: str, file: str, search: list[str] | None) -> ModuleType:
    """Import the plugin's module from its file."""
    from importlib.util import module_from_spec, spec_from_file_location

    if "." in name:
        return __import__(name, fromlist=["*"])
    spec = spec_from_file_location(name, file, submodule_search_locations=search)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is no Python module", name=name)
    module = module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def offered(module: ModuleType, listed: list[str] | None) -> dict[str, Offered]:
    """The functions that a host may call: those listed in the manifest, else those exported, else all public ones.

    Raises:
        AttributeError: the manifest lists a function that is not there.
    """
    if listed is not None:
        return {name: Offered(name, _listed(module, name)) for name in listed}
    exported = {getattr(each, EXPORTED): each for each in vars(module).values() if isinstance(_mark(each), str)}
    return {name: Offered(name, function) for name, function in (exported or _public(module)).items()}


def _mark(value: Any) -> Any:
    return getattr(value, EXPORTED, None) if callable(value) and not isinstance(value, ModuleType) else None


def _listed(module: ModuleType, name: str) -> Any:
    found = getattr(module, name, None)
    if found is None or not callable(found):
        raise AttributeError(f"the manifest lists a function {name!r}, which {module.__name__} does not have")
    return found


def _public(module: ModuleType) -> dict[str, Any]:
    names = getattr(module, "__all__", None)
    if names is not None:
        return {name: getattr(module, name) for name in names if callable(getattr(module, name, None))}
    return {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, FunctionType) and not name.startswith("_") and value.__module__ == module.__name__
    }


class Offered:
    """One function that a host may call."""

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        self.name: str = name
        self.function: Callable[..., Any] = function
        self._converters: list[Converter | None] | None = None
        self._rest: Converter | None = None

    def arguments(self, args: list[Any]) -> list[Any]:
        """What came, as the function's annotations want it.

        Raises:
            Misfit: an argument is of another type, or there are too many or too few.
        """
        if self._converters is None:
            self._look()
        converters = self._converters or []
        if len(converters) < len(args) and self._rest is None:
            return args
        padded = [*converters[: len(args)], *[self._rest] * (len(args) - len(converters))]
        return [
            value if convert is None else convert(value, f"args[{index}]")
            for index, (value, convert) in enumerate(zip(args, padded, strict=True))
        ]

    def _look(self) -> None:
        function = getattr(self.function, "__func__", self.function)
        code = getattr(function, "__code__", None)
        if code is None:
            self._converters = []
            return
        hints = hints_of(function)
        names = code.co_varnames[: code.co_argcount]
        skip = 1 if function is not self.function else 0
        self._converters = [converter_for(hints[name]) if name in hints else None for name in names[skip:]]
        if code.co_flags & POSITIONAL:
            name = code.co_varnames[code.co_argcount + code.co_kwonlyargcount]
            self._rest = converter_for(hints[name]) if name in hints else None

    def fits(self, count: int) -> None:
        """Check the number of arguments.

        Raises:
            Misfit: the function takes another number of them.
        """
        function = getattr(self.function, "__func__", self.function)
        code = getattr(function, "__code__", None)
        if code is None or hasattr(function, "__wrapped__"):
            return
        most = code.co_argcount - (1 if function is not self.function else 0)
        least = most - len(function.__defaults__ or ())
        if count < least or (count > most and not code.co_flags & POSITIONAL):
            wanted = str(most) if least == most else f"{least} to {most}"
            raise Misfit("args", f"{self.name} takes {wanted} arguments, got {count}")

    def described(self) -> dict[str, Any]:
        """Name, parameters, result and docstring, for people and for the host's list."""
        function = getattr(self.function, "__func__", self.function)
        code = getattr(function, "__code__", None)
        names = list(code.co_varnames[: code.co_argcount]) if code is not None else []
        try:
            hints: dict[str, Any] = getattr(function, "__annotations__", None) or {}
        except Exception:  # noqa: BLE001 - annotations are code of the plugin's from CPython 3.14 on
            hints = {}
        return {
            "name": self.name,
            "parameters": {name: _text(hints[name]) if name in hints else "" for name in names if name != "self"},
            "returns": _text(hints["return"]) if "return" in hints else "",
            "doc": (getattr(function, "__doc__", None) or "").strip(),
        }


def _text(annotation: Any) -> str:
    if isinstance(annotation, str):
        return annotation
    return annotation.__qualname__ if type(annotation) is type else str(annotation)
