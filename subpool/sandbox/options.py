"""The options of a `Sandbox`: what each must be, and what holds where none is given."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final, Self

import msgspec

from subpool.sandbox.settings import Isolation

if TYPE_CHECKING:
    from subpool.sandbox.manifest import LimitsEntry

__all__ = ["Options"]

MEGABYTES: Final = 1 << 20


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """The keywords of `Sandbox`, checked."""

    timeout: float | None
    instances: int
    sys_path: tuple[str, ...]
    env: dict[str, str]
    isolation: Isolation
    max_result: int
    max_arguments: int
    cpu_seconds: float | None
    memory: int | None
    open_files: int | None
    max_queue: int
    retries: int
    retry_delay: float
    break_after: int | None
    break_seconds: float

    @classmethod
    def checked(cls, limits: LimitsEntry | None, **options: Any) -> Self:
        """Validate what `Sandbox` was given.

        Raises:
            TypeError, ValueError: an option cannot be what it is; the message names it.
        """
        for name in ("timeout", "cpu_seconds", "max_result", "memory", "open_files"):
            if options[name] is None and limits is not None:
                options[name] = getattr(limits, name)
        for name, default in (("max_result", 64 * MEGABYTES), ("max_arguments", 64 * MEGABYTES)):
            options[name] = default if options[name] is None else options[name]
        for name in ("timeout", "cpu_seconds", "break_seconds", "retry_delay"):
            _check_seconds(name, options[name], zero=name == "retry_delay")
        least = {"instances": 1, "max_result": 1, "max_arguments": 1, "memory": 1, "open_files": 8, "max_queue": 1}
        for name, number in (least | {"retries": 0, "break_after": 1}).items():
            _check_number(name, options[name], number)
        if options["isolation"] not in ("interpreter", "process"):
            raise ValueError(f"isolation must be 'interpreter' or 'process', not {options['isolation']!r}")
        options["sys_path"] = _folders(options["sys_path"])
        options["env"] = _environ(options["env"])
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


def _folders(paths: Any) -> tuple[str, ...]:
    if isinstance(paths, (str, bytes, os.PathLike)):
        raise TypeError("sys_path must be a sequence of folders, not one path")
    return tuple(os.path.abspath(os.fspath(path)) for path in paths)


def _environ(env: Any) -> dict[str, str]:
    found = dict(env or {})
    for name, value in found.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise TypeError(f"env must map names to texts, not {name!r} to {value!r}")
    return found
