"""The options of a `Pool`: what each must be, and how those that cross are written."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal, TypedDict, get_args

from subpool._wire.payload import write
from subpool.errors import SerializationError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = [
    "IDLE_SPIN",
    "PoolOptions",
    "Unsupported",
    "WorkerOptions",
    "checked",
    "strict_by_environment",
    "worker_count",
]

IDLE_SPIN = 50e-6
"""Seconds an idle worker looks around before it naps, by default."""

Unsupported = Literal["inline", "process", "raise"]
"""What becomes of work that needs a module which does not load in subinterpreters."""


class WorkerOptions(TypedDict, total=False):
    """The keywords of `Pool` but for the number of workers."""

    idle_spin: float
    initializer: Callable[..., object] | None
    initargs: tuple[Any, ...]
    finalizer: Callable[[], object] | None
    preload: Sequence[str]
    pin_cpus: bool
    background_workers: int | None
    max_tasks_per_worker: int | None
    strict: bool
    on_unsupported: Unsupported


class PoolOptions(WorkerOptions, total=False):
    """The keywords of `Pool`."""

    workers: int | None


def worker_count(workers: object, source: str = "workers", spared: int = 1) -> int:
    """How many workers were asked for, by the argument or else by the environment.

    Args:
        workers: the argument.
        source: its name.
        spared: how many cores are left to the caller if nothing was asked for.

    Raises:
        TypeError, ValueError: that is no number of workers.
    """
    if workers is None:
        workers = os.environ.get("SUBPOOL_WORKERS") or max(1, (os.process_cpu_count() or 1) - spared)
        if isinstance(workers, str):
            source = "SUBPOOL_WORKERS"
            try:
                workers = int(workers)
            except ValueError:
                raise ValueError(f"SUBPOOL_WORKERS must be a number of workers, not {workers!r}") from None
    if isinstance(workers, bool) or not isinstance(workers, int):
        raise TypeError(f"{source} must be an int, not {workers!r}")
    if not 0 <= workers <= 1024:
        raise ValueError(f"{source} must be between 0 and 1024, not {workers}")
    return workers


def strict_by_environment() -> bool:
    """Whether `SUBPOOL_STRICT` asks every pool to be strict."""
    return os.environ.get("SUBPOOL_STRICT", "") not in ("", "0")


def checked(**options: Any) -> dict[str, Any]:
    """Validate what `Pool` was given, and write what crosses.

    Raises:
        TypeError, ValueError: an option cannot be what it is; the message names it.
        SerializationError: initializer, its arguments or finalizer cannot cross.
    """
    _check_spin(options["idle_spin"])
    _check_number("background_workers", options["background_workers"], 0)
    _check_number("max_tasks_per_worker", options["max_tasks"], 1)
    for name in ("initializer", "finalizer"):
        if options[name] is not None and not callable(options[name]):
            raise TypeError(f"{name} is not callable: {options[name]!r}")
    options["preload"] = _module_names(options["preload"])
    if options["on_unsupported"] not in get_args(Unsupported):
        raise ValueError(f"on_unsupported must be 'inline', 'process' or 'raise', not {options['on_unsupported']!r}")
    initializer, initargs = options["initializer"], tuple(options.pop("initargs"))
    options["initializer"] = _written("initializer", initializer and (initializer, initargs))
    options["finalizer"] = _written("finalizer", options["finalizer"])
    return options


def _check_spin(seconds: object) -> None:
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        raise TypeError(f"idle_spin must be a number of seconds, not {seconds!r}")
    if not 0 <= seconds <= 1:
        raise ValueError(f"idle_spin must be between 0 and 1 second, not {seconds!r}")


def _check_number(name: str, value: object, least: int) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be an int or None, not {value!r}")
    if value < least:
        raise ValueError(f"{name} must be at least {least}, not {value}")


def _module_names(names: Any) -> tuple[str, ...]:
    if isinstance(names, str):
        raise TypeError("preload must be a sequence of module names, not one string")
    modules: tuple[Any, ...] = tuple(names)
    for module in modules:
        if not isinstance(module, str):
            raise TypeError(f"preload must hold module names, not {module!r}")
    return modules


def _written(name: str, value: Any) -> bytes:
    try:
        return write(value, lend=True) if value else b""
    except SerializationError as error:
        raise SerializationError(f"{name}: {error}") from error
