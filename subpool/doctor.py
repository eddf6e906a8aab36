"""Which modules load in a subinterpreter, and why the others do not.

Each module is imported in a throw-away interpreter of a process of its own: a crash or a hang ends that one only.

Example::

    for finding in subpool.doctor.check("numpy", "PyYAML"):
        print(finding.name, finding.loads, finding.blamed)
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from select import select
from time import monotonic
from typing import TYPE_CHECKING, Any, cast

from subpool._doctor.wanted import Wanted, wanted

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Finding", "check", "findings"]

PATIENCE = 60.0
"""Seconds that an import may take, by default."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found out about one module."""

    name: str
    """What was asked for."""
    loads: bool
    """Whether it can be used in a subinterpreter."""
    reason: str | None
    """Why not, or what it does without."""
    blamed: str | None
    """The extension module that refuses, if one does."""
    seconds: float | None
    """How long its import took; None if that was not measured."""
    megabytes: float | None
    """By how much its import made the process grow, likewise."""
    module: str | None
    """What was imported for it."""
    version: str | None
    """The version of the distribution that it comes from."""
    fallbacks: tuple[str, ...] = ()
    """The extension modules that refuse, and that it does without: pure Python stands in for them."""


def check(*names: str, timeout: float = PATIENCE) -> list[Finding]:
    """Find out which modules load in a subinterpreter.

    Args:
        *names: modules (``"numpy"``, ``"lxml.etree"``), distributions (``"PyYAML"``), requirements files (a path that
            ends in ``.txt``), or project folders (a path with a separator, ``"."``, or their ``pyproject.toml``): the
            dependencies that they declare, and what their code imports.
        timeout: seconds that each import may take.

    Returns:
        One finding per module, in the order of the names.

    Raises:
        TypeError, ValueError: a name is none, or a requirements file has a line that names no distribution.
        OSError: a file cannot be read.
    """
    return list(findings(*names, timeout=timeout))


def findings(*names: str, timeout: float = PATIENCE) -> Iterator[Finding]:
    """The same, one after the other as they are found out."""
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"check: not a name: {name!r}")
        if not name or name.isspace():
            raise ValueError("check: a name is empty")
    if not timeout > 0:
        raise ValueError(f"check: timeout must be a positive number of seconds, not {timeout!r}")
    return (_examined(each, timeout) for each in wanted(names))


def _examined(each: Wanted, timeout: float) -> Finding:
    if each.module is None:
        return Finding(each.name, False, "it is not installed", None, None, None, None, each.version)
    report = _in_a_process(each, timeout)
    loads, reason = _judged(report)
    fallbacks = tuple(dict.fromkeys(report.get("fallbacks", ()))) if loads else ()
    return Finding(
        each.name,
        loads,
        reason,
        report.get("blamed"),
        report.get("seconds"),
        report.get("megabytes"),
        each.module,
        each.version,
        fallbacks,
    )


def _judged(report: dict[str, Any]) -> tuple[bool, str | None]:
    if "ending" in report:
        return False, report["ending"]
    error, blamed = report["error"], report.get("blamed")
    if error is None:
        fallbacks = dict.fromkeys(report["fallbacks"])
        return True, f"does without {', '.join(fallbacks)}" if fallbacks else None
    if blamed is not None:
        user = report.get("user", blamed)
        who = blamed if user == blamed else f"{user} needs {blamed}, which"
        return False, f"{who} refuses to load in a subinterpreter"
    if report.get("elsewhere"):
        return False, f"does not load anywhere: {report['elsewhere']}"
    return False, f"fails in a subinterpreter: {error}"


def _in_a_process(each: Wanted, timeout: float) -> dict[str, Any]:
    """Examine a module in a process: what that reports, or how it ended instead."""
    reading, writing = os.pipe()
    flags: list[str] = cast("Any", subprocess)._args_from_interpreter_flags()
    program = f"import sys; sys.path[:] = {sys.path!r}; from subpool._doctor.patient import main"
    try:
        process = subprocess.Popen(
            [sys.executable, *flags, "-c", f"{program}; main({writing}, {each.module!r}, {each.siblings!r})"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(writing,),
            start_new_session=True,
        )
    except BaseException:
        os.close(reading)
        raise
    finally:
        os.close(writing)
    data: bytes | None = None
    try:
        data = _until(reading, monotonic() + timeout)
    finally:
        os.close(reading)
        if data is None:
            process.kill()
        status = process.wait()
    if data is None:
        return {"ending": f"its import does not end within {timeout:g} s"}
    return json.loads(data) if data else {"ending": _ending(status)}


def _until(reading: int, deadline: float) -> bytes | None:
    """What is written until the pipe ends; None if it does not before the deadline."""
    data = b""
    while select([reading], [], [], max(0.0, deadline - monotonic()))[0]:
        part = os.read(reading, 65536)
        if not part:
            return data
        data += part
    return None


def _ending(status: int) -> str:
    if status < 0:
        try:
            name = signal.Signals(-status).name
        except ValueError:
            name = f"signal {-status}"
        return f"its import crashes the process ({name})"
    return f"its import ends the process (status {status})"
