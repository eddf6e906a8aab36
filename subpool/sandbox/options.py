"""The options of a `Sandbox`: what each must be, and what holds where none is given."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final, Self, TypedDict, cast

import msgspec

from subpool.sandbox.settings import Codec, Isolation

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from subpool.sandbox.manifest import LimitsEntry

__all__ = ["Options", "SandboxOptions"]

MEGABYTES: Final = 1 << 20
LEAST: Final = {
    "instances": 1,
    "max_result": 1,
    "max_arguments": 1,
    "memory": 1,
    "open_files": 8,
    "max_queue": 1,
    "retries": 0,
    "break_after": 1,
}


class SandboxOptions(TypedDict, total=False):
    """The keywords of `Sandbox` beside the policy."""

    timeout: float | None
    instances: int
    sys_path: Sequence[str | os.PathLike[str]]
    env: Mapping[str, str] | None
    isolation: Isolation
    codec: Codec
    max_result: int
    max_arguments: int
    cpu_seconds: float | None
    load_timeout: float
    memory: int | None
    open_files: int | None
    max_queue: int
    retries: int
    retry_delay: float
    break_after: int | None
    break_seconds: float


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """The keywords of `Sandbox`, checked."""

    timeout: float | None = None
    instances: int = 1
    sys_path: tuple[str, ...] = ()
    env: dict[str, str] = {}
    isolation: Isolation = "interpreter"
    codec: Codec = "json"
    max_result: int = 64 * MEGABYTES
    max_arguments: int = 64 * MEGABYTES
    cpu_seconds: float | None = None
    load_timeout: float = 30.0
    memory: int | None = None
    open_files: int | None = None
    max_queue: int = 1000
    retries: int = 0
    retry_delay: float = 0.1
    break_after: int | None = None
    break_seconds: float = 30.0

    @classmethod
    def checked(cls, limits: LimitsEntry | None, given: SandboxOptions) -> Self:
        """Validate what `Sandbox` was given; what was not, is as the manifest says, or else as usual.

        Raises:
            TypeError, ValueError: an option cannot be what it is; the message names it.
        """
        unknown = set(given) - set(cls.__struct_fields__)
        if unknown:
            raise TypeError(f"Sandbox: unknown keyword {', '.join(sorted(unknown))}")
        asked = {} if limits is None else msgspec.structs.asdict(limits)
        options: dict[str, Any] = {name: value for name, value in asked.items() if value is not None} | dict(given)
        for name in ("timeout", "cpu_seconds", "load_timeout", "break_seconds", "retry_delay"):
            _check_seconds(name, options.get(name), zero=name == "retry_delay")
        for name in set(LEAST) & set(options):
            _check_number(name, options[name], LEAST[name])
        for name, choices in (("isolation", ("interpreter", "process")), ("codec", ("json", "msgpack"))):
            if options.get(name, choices[0]) not in choices:
                raise ValueError(f"{name} must be {choices[0]!r} or {choices[1]!r}, not {options[name]!r}")
        options["sys_path"] = _folders(options.get("sys_path", ()))
        options["env"] = _environ(options.get("env"))
        return cls(**options)


def _check_seconds(name: str, value: object, *, zero: bool) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} must be a number of seconds, not {value!r}")
    if not (value > 0 or (zero and value == 0)):
        raise ValueError(f"{name} must be a positive number of seconds, not {value!r}")


def _check_number(name: str, value: object, least: int) -> None:
    if value is None and name in ("memory", "open_files", "break_after"):
        return
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be an int, not {value!r}")
    if value < least:
        raise ValueError(f"{name} must be at least {least}, not {value}")


def _folders(paths: object) -> tuple[str, ...]:
    if isinstance(paths, (str, bytes, os.PathLike)):
        raise TypeError("sys_path must be a sequence of folders, not one path")
    return tuple(os.path.abspath(os.fspath(path)) for path in cast("Iterable[str]", paths))


def _environ(env: object) -> dict[str, str]:
    found: dict[Any, Any] = dict(cast("Mapping[str, str]", env or {}))
    for name, value in found.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise TypeError(f"env must map names to texts, not {name!r} to {value!r}")
    return found
