"""The boundary: values written for a plugin, and what comes back read as the type that was declared.

Everything is JSON by msgspec, and nothing is unpickled. What does not fit is named: plugin, function, place.
"""

# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# The values that pass here may be anything: what is known of them is what `isinstance` said.

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

import msgspec

from subpool.errors import PluginError, PluginTypeError, PolicyViolation
from subpool.sandbox.declared import parse_type

if TYPE_CHECKING:
    from collections.abc import Callable

    from subpool.sandbox.manifest import FunctionEntry
    from subpool.sandbox.settings import Codec

__all__ = ["Boundary", "Described", "Function", "Misfit"]


class Function(msgspec.Struct, frozen=True):
    """A function that a plugin offers.

    Attributes:
        name: what to `call`.
        parameters: the declared types, by name; empty text where nothing is declared.
        returns: the declared type of the result.
        doc: its docstring.
    """

    name: str
    parameters: dict[str, str] = {}
    returns: str = ""
    doc: str = ""

    def __str__(self) -> str:
        parameters = ", ".join(f"{name}: {kind}" if kind else name for name, kind in self.parameters.items())
        return f"{self.name}({parameters})" + (f" -> {self.returns}" if self.returns else "")


class Described(msgspec.Struct):
    """An exception of the plugin's, as it tells of it."""

    type_name: str
    message: str
    traceback_text: str
    violation: bool = False

    def error(self, plugin: str, function: str) -> PluginError:
        """What the host raises for it."""
        cls = PolicyViolation if self.violation else PluginError
        return cls(
            self.message,
            plugin=plugin,
            function=function,
            type_name=self.type_name,
            traceback_text=self.traceback_text,
        )


def _tuple_of(types: tuple[Any, ...]) -> Any:
    return tuple[types] if types else tuple[()]  # type: ignore[valid-type]


class Misfit(msgspec.Struct):
    """What a plugin says of a value that does not fit."""

    path: str
    message: str


class Boundary:
    """What crosses to one plugin and back."""

    def __init__(
        self, plugin: str, declared: dict[str, FunctionEntry] | None, max_arguments: int, codec: Codec = "json"
    ) -> None:
        self._plugin = plugin
        self._max_arguments = max_arguments
        self._wire: Any = msgspec.msgpack if codec == "msgpack" else msgspec.json
        self._encode: Callable[[Any], bytes] = self._wire.Encoder().encode
        self._decoders: dict[Any, Callable[[bytes], Any]] = {}
        self._told = msgspec.json.Decoder(Described)
        self._misfits = msgspec.json.Decoder(Misfit)
        self._arguments: dict[str, Any] = {}
        self._results: dict[str, Any] = {}
        for name, entry in (declared or {}).items():
            types = tuple(parse_type(kind) for kind in entry.parameters.values())
            self._arguments[name] = _tuple_of(types)
            self._results[name] = parse_type(entry.returns)

    def arguments(self, function: str, args: tuple[Any, ...]) -> bytes:
        """Write the arguments of a call.

        Raises:
            PluginTypeError: one cannot be written, or is not of the type that the manifest declares.
            PluginError: they are too large.
        """
        try:
            data = self._encode(args)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise self._misfit(function, _culprit(self._encode, args), str(error)) from None
        declared = self._arguments.get(function)
        if declared is not None:
            self._decode(data, declared, function, "args")
        if len(data) > self._max_arguments:
            text = f"the arguments have {len(data):,} bytes, which is over max_arguments ({self._max_arguments:,})"
            raise PluginError(text, plugin=self._plugin, function=function)
        return data

    def result(self, function: str, data: bytes, returns: Any) -> Any:
        """Read what a call returned.

        Raises:
            PluginTypeError: it is not of the type that the caller, or the manifest, declares.
        """
        return self._decode(data, self._results.get(function, Any) if returns is Any else returns, function, "result")

    def error(self, function: str, data: bytes) -> PluginError:
        """Read what a call raised."""
        try:
            described = self._told.decode(data)
        except msgspec.DecodeError as error:
            raise self._misfit(function, "error", str(error)) from None
        return described.error(self._plugin, function)

    def misfit(self, function: str, data: bytes) -> PluginTypeError:
        """Read what the guest says does not fit."""
        try:
            misfit = self._misfits.decode(data)
        except msgspec.DecodeError as error:
            return self._misfit(function, "error", str(error))
        return self._misfit(function, misfit.path, misfit.message)

    def _decode(self, data: bytes, kind: Any, function: str, root: str) -> Any:
        try:
            return self._decoder(kind)(data)
        except msgspec.ValidationError as error:
            said, _, at = str(error).partition(" - at `$")
            raise self._misfit(function, root + at.rstrip("`"), said) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise self._misfit(function, root, f"cannot be read: {error}") from None

    def _decoder(self, kind: Any) -> Callable[[bytes], Any]:
        try:
            return self._decoders[kind]
        except KeyError:
            made = self._decoders[kind] = self._wire.Decoder(kind).decode
        except TypeError:  # a type that cannot be hashed: its decoder is made anew each time
            made = self._wire.Decoder(kind).decode
        return cast("Callable[[bytes], Any]", made)

    def _misfit(self, function: str, path: str, message: str) -> PluginTypeError:
        path = re.sub(r"^args\[\.\.\.\]", "args", path)
        error = PluginTypeError(f"{path}: {message}", plugin=self._plugin, function=function)
        error.path = path
        return error


def _culprit(encode: Any, args: Any, path: str = "args", depth: int = 0) -> str:
    """Where the part sits that cannot be written."""
    parts: Any = ()
    if isinstance(args, dict):
        parts = ((f"{path}[{key!r}]", part) for key, part in args.items())
    elif isinstance(args, (list, tuple)):
        parts = ((f"{path}[{index}]", part) for index, part in enumerate(args))
    elif hasattr(args, "__struct_fields__") or hasattr(args, "__dataclass_fields__"):
        names = getattr(args, "__struct_fields__", None) or args.__dataclass_fields__
        parts = ((f"{path}.{name}", getattr(args, name, None)) for name in names)
    for where, part in parts if depth < 20 else ():
        try:
            encode(part)
        except Exception:  # noqa: BLE001 - whatever it says, this is the part
            return _culprit(encode, part, where, depth + 1)
    return path
