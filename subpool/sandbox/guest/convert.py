"""Arguments as the function wants them: what JSON brought, turned into what its annotations say.

A converter is made once per annotation. What an annotation says that is not known here is left as it came. As with
msgspec, nothing is guessed: text is no number, a whole float is no integer, and an integer is a fine float.
"""

# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownMemberType=false
# The values that pass here may be anything: what is known of them is what `isinstance` said.

from __future__ import annotations

import sys
from types import UnionType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    Converter = Callable[[Any, str], Any]

__all__ = ["Misfit", "converter_for"]


class Misfit(Exception):  # noqa: N818 - it is the caller's mistake, told as such
    """A value is not of the type that was declared; `path` says where it sits."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path


def converter_for(annotation: Any) -> Converter | None:
    """What turns JSON's values into those of an annotated type; None if there is nothing to do."""
    if annotation is Any or annotation is object:
        return None
    if annotation is None or annotation is type(None):
        return _plain(type(None), "null")
    if isinstance(annotation, UnionType) or _origin_name(annotation) in ("Union", "Optional"):
        return _union(annotation.__args__)
    origin = getattr(annotation, "__origin__", None)
    if origin is not None and isinstance(origin, type):
        return _generic(origin, getattr(annotation, "__args__", ()))
    if _origin_name(annotation) == "Literal":
        return _literal(annotation.__args__)
    return _of_class(annotation) if isinstance(annotation, type) else None


def _origin_name(annotation: Any) -> str:
    """The name of what a form of `typing` is, such as Union; without loading `typing`."""
    typing = sys.modules.get("typing")
    origin = getattr(annotation, "__origin__", None)
    for name in ("Union", "Literal"):
        if typing is not None and origin is getattr(typing, name, None) and origin is not None:
            return name
    return ""


def _of_class(cls: type) -> Converter | None:
    if cls in SCALARS:
        return _plain(cls, SCALARS[cls])
    if cls is float:
        return _float
    if cls in (bytes, bytearray):
        return _bytes(cls)
    if cls in (list, tuple, set, frozenset, dict):
        return _generic(cls, ())
    if hasattr(cls, "__members__"):
        return _parsed(cls, cls)
    if hasattr(cls, "__dataclass_fields__"):
        return _Dataclass(cls)
    parse = _library_parser(cls)
    return None if parse is None else _parsed(cls, parse)


SCALARS: dict[type, str] = {int: "int", str: "str", bool: "bool"}


def _plain(cls: type, name: str) -> Converter:
    def check(value: Any, path: str) -> Any:
        if type(value) is not cls:
            raise Misfit(path, f"expected {name}, got {_kind(value)}")
        return value

    return check


def _float(value: Any, path: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Misfit(path, f"expected float, got {_kind(value)}")
    return float(value)


def _bytes(cls: type) -> Converter:
    def decode(value: Any, path: str) -> Any:
        from binascii import Error, a2b_base64

        if isinstance(value, cls):
            return value
        if isinstance(value, bytes):
            return cls(value)
        if not isinstance(value, str):
            raise Misfit(path, f"expected {cls.__name__}, got {_kind(value)}")
        try:
            return cls(a2b_base64(value, strict_mode=True))
        except Error as error:
            raise Misfit(path, f"invalid base64: {error}") from None

    return decode


def _parsed(cls: type, parse: Callable[[Any], Any]) -> Converter:
    def convert(value: Any, path: str) -> Any:
        if type(value) is cls:
            return value
        try:
            return parse(value)
        except Exception as error:  # noqa: BLE001 - whatever a parser of the plugin's own says
            raise Misfit(path, f"not a valid {cls.__qualname__}: {error}") from None

    return convert


def _library_parser(cls: type) -> Callable[[Any], Any] | None:
    """How text becomes a value of one of the standard library's classes; whose module is there if the class is."""
    name = f"{cls.__module__}.{cls.__qualname__}"
    if name in ("datetime.datetime", "datetime.date", "datetime.time"):
        return cls.fromisoformat  # type: ignore[attr-defined, no-any-return]
    if name in ("decimal.Decimal", "uuid.UUID"):
        return lambda value: cls(str(value) if isinstance(value, (int, float)) else value)
    if name.startswith("pathlib.") and name.endswith("Path"):
        return cls
    return None


def _union(members: tuple[Any, ...]) -> Converter | None:
    converters = [converter_for(member) for member in members]
    if any(each is None for each in converters):
        return None

    def convert(value: Any, path: str) -> Any:
        problems: list[str] = []
        for each in converters:
            assert each is not None
            try:
                return each(value, path)
            except Misfit as misfit:
                if misfit.path != path:
                    raise
                problems.append(str(misfit))
        raise Misfit(path, "; or ".join(problems))

    return convert


def _literal(values: tuple[Any, ...]) -> Converter:
    def check(value: Any, path: str) -> Any:
        if not any(value == each and type(value) is type(each) for each in values):
            raise Misfit(path, f"expected one of {', '.join(map(repr, values))}, got {value!r}")
        return value

    return check


def _generic(origin: type, args: tuple[Any, ...]) -> Converter | None:
    name = origin.__name__
    if issubclass(origin, dict) or name in ("Mapping", "MutableMapping"):
        return _dictionary(*(args or (Any, Any)))
    if origin is tuple and args and args[-1] is not Ellipsis:
        return _tuple(args)
    if origin in (list, tuple, set, frozenset) or name in ("Sequence", "Iterable", "Collection", "Set"):
        build = origin if origin in (list, tuple, set, frozenset) else set if name == "Set" else list
        return _array(build, args[0] if args else Any)
    return None


def _array(build: Callable[[Any], Any], of: Any) -> Converter:
    each = converter_for(of)

    def convert(value: Any, path: str) -> Any:
        if not isinstance(value, (list, tuple)):
            raise Misfit(path, f"expected array, got {_kind(value)}")
        if each is None:
            return value if build is list else build(value)
        return build([each(part, f"{path}[{index}]") for index, part in enumerate(value)])

    return convert


def _tuple(of: tuple[Any, ...]) -> Converter:
    converters = [converter_for(each) for each in of]

    def convert(value: Any, path: str) -> Any:
        if not isinstance(value, (list, tuple)):
            raise Misfit(path, f"expected array, got {_kind(value)}")
        if len(value) != len(converters):
            raise Misfit(path, f"expected {len(converters)} items, got {len(value)}")
        pairs = enumerate(zip(value, converters, strict=True))
        return tuple(part if each is None else each(part, f"{path}[{index}]") for index, (part, each) in pairs)

    return convert


def _dictionary(key: Any, of: Any) -> Converter:
    keys, values = _key(key), converter_for(of)

    def convert(value: Any, path: str) -> Any:
        if not isinstance(value, dict):
            raise Misfit(path, f"expected object, got {_kind(value)}")
        return {
            name if keys is None else keys(name, path): part if values is None else values(part, f"{path}[{name!r}]")
            for name, part in value.items()
        }

    return convert


def _key(key: Any) -> Converter | None:
    """Keys are text in JSON, numbers among them."""
    if key not in (int, float):
        return converter_for(key)

    def convert(name: Any, path: str) -> Any:
        try:
            return key(name)
        except ValueError:
            raise Misfit(path, f"expected {key.__name__} as key, got {name!r}") from None

    return convert


class _Dataclass:
    """Turns objects into instances of a dataclass, whose fields are looked at when the first one comes."""

    def __init__(self, cls: type) -> None:
        self._cls: Any = cls
        self._fields: dict[str, Converter | None] | None = None

    def __call__(self, value: Any, path: str) -> Any:
        cls = self._cls
        if isinstance(value, cls):
            return value
        if not isinstance(value, dict):
            raise Misfit(path, f"expected object, got {_kind(value)}")
        if self._fields is None:
            self._fields = {name: converter_for(kind) for name, kind in hints_of(cls).items()}
        given: dict[str, Any] = {}
        for name, field in cls.__dataclass_fields__.items():
            if name in value and field.init:
                convert = self._fields.get(name)
                given[name] = value[name] if convert is None else convert(value[name], f"{path}.{name}")
        try:
            return cls(**given)
        except TypeError as error:
            missing = [name for name in _required(cls) if name not in value]
            raise Misfit(path, f"object misses {', '.join(missing)}" if missing else str(error)) from None


def _required(cls: Any) -> list[str]:
    from dataclasses import MISSING

    fields = cls.__dataclass_fields__.values()
    return [f.name for f in fields if f.init and f.default is MISSING and f.default_factory is MISSING]


def hints_of(thing: Any) -> dict[str, Any]:
    """The annotations of a function or a class, those of its bases too, with names looked up.

    What cannot be looked up is left out: it is not checked.
    """
    found: dict[str, Any] = {}
    for each in reversed(thing.__mro__) if isinstance(thing, type) else (thing,):
        try:
            annotations = getattr(each, "__annotations__", None) or {}
        except Exception:  # noqa: BLE001 - annotations are code of the plugin's from CPython 3.14 on
            continue
        module = sys.modules.get(getattr(each, "__module__", ""))
        names = getattr(each, "__globals__", None) or vars(module or object)
        for name, kind in annotations.items():
            known, looked_up = _looked_up(kind, names)
            if known:
                found[name] = looked_up
    return found


def _looked_up(annotation: Any, names: Any) -> tuple[bool, Any]:
    if not isinstance(annotation, str):
        return True, annotation
    try:
        return True, eval(annotation, dict(names))
    except Exception:  # noqa: BLE001 - a name for type checkers alone
        return False, None


def _kind(value: Any) -> str:
    names = {type(None): "null", list: "array", dict: "object"}
    return names.get(type(value), type(value).__name__)
