"""The process in which one module is examined: it is imported in a throw-away interpreter, and what came of it told.

Everything happens in a process of its own, since an import may crash, hang, print, or start what does not end; and on
CPython 3.13 each interpreter leaks some memory. What is found is written to a pipe, as one JSON object.
"""

from __future__ import annotations

import json
import os
import re
import sys
from importlib import import_module
from importlib.machinery import EXTENSION_SUFFIXES
from time import perf_counter as clock
from typing import TYPE_CHECKING, Any, Final

from subpool._wire.extensions import refused, refusing_module, watch

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["examine", "main"]

PASSED_OVER: Final = frozenset({"__pycache__", "test", "tests"})
"""Folders of a package whose extension modules nobody needs."""
EXTENSIONS: Final = 60
"""How many extension modules of one package are tried, at most."""
USERS: Final = 10
"""How many modules that use a refusing one are tried, at most."""


def main(fd: int, name: str, siblings: tuple[str, ...] | None) -> None:
    """Examine a module, and write what was found to a descriptor; then end this process, whatever holds it up."""
    from subpool._wire import interpreters

    reading, writing = os.pipe()
    names = {"subpool_path": tuple(sys.path), "subpool_fd": writing, "subpool_asked": (name, siblings)}
    failure = interpreters.execute(interpreters.create(), _examine_there, names)
    report: dict[str, Any]
    if failure is None:
        report = json.loads(os.read(reading, 1 << 16))
    else:
        report = {"error": failure.strip().rpartition("\n")[2]}
    if report["error"] is not None and report.get("blamed") is None:
        error = attempt(name)
        report["elsewhere"] = None if error is None else _described(error)
    _tell(fd, report)
    os._exit(0)


def _examine_there() -> None:
    """The body that runs in the throw-away interpreter, with the names that begin with `subpool_` put there before."""
    import sys

    sys.path[:] = subpool_path  # type: ignore[name-defined] # noqa: F821
    from subpool._doctor.patient import _tell, examine

    _tell(subpool_fd, examine(*subpool_asked))  # type: ignore[name-defined] # noqa: F821


def _tell(fd: int, report: dict[str, Any]) -> None:
    os.write(fd, json.dumps(report).encode())


def examine(name: str, siblings: tuple[str, ...] | None) -> dict[str, Any]:
    """Import a module here: what that took, what refused, and what would refuse later.

    That is looked for in the whole package, and among the extension modules that came with it (`siblings`, None for not
    to look).
    """
    watch()
    before, begun = _resident(), clock()
    error = attempt(name)
    report: dict[str, Any] = {
        "seconds": round(clock() - begun, 4),
        "megabytes": round(max(0, _resident() - before) / 1e6, 2),
        "error": None if error is None else _described(error),
        "blamed": None if error is None else refusing_module(error, lenient=True),
        "fallbacks": list(refused),
    }
    if error is None and siblings is not None:
        _look_deeper(name, siblings, report)
    return report


def _look_deeper(name: str, siblings: tuple[str, ...], report: dict[str, Any]) -> None:
    """Packages like to load their extension modules late: try those that were not met yet, and who needs them."""
    all_of_it = (*_extensions(name), *siblings)
    unmet = [each for each in all_of_it if each not in sys.modules and each not in refused][:EXTENSIONS]
    refusing = [each for each in unmet if refusing_module(attempt(each), lenient=True) is not None]
    users = {each: list(_mentioning(name, each.rpartition(".")[2])) for each in refusing}
    for extension in sorted(refusing, key=lambda each: len(users[each]), reverse=True):
        for user, late in users[extension][:USERS] or [(extension, False)]:
            blamed = refusing_module(attempt(extension if late else user), lenient=True)
            if blamed is not None and not user.rpartition(".")[2].startswith("_"):
                report.update(error=f"{user} does not do without", user=user, blamed=blamed)
                return
    report["fallbacks"] += refusing


def attempt(name: str) -> BaseException | None:
    """Import a module; what it raised."""
    try:
        import_module(name)
    except BaseException as error:  # noqa: BLE001 - modules raise what they like as they load, SystemExit too
        return error
    return None


def _described(error: BaseException) -> str:
    try:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    except Exception:  # noqa: BLE001
        lines = []
    return ": ".join([type(error).__name__, *lines[:1]])


def _extensions(name: str) -> Iterator[str]:
    for module, file in _files(name):
        if file.endswith(tuple(EXTENSION_SUFFIXES)):
            yield module


def _mentioning(name: str, leaf: str) -> Iterator[tuple[str, bool]]:
    """The modules of a package that import something of this name, and whether they do it late, and without a guard."""
    imports = re.compile(rf"^\s*(from|import)\b.*\b{re.escape(leaf)}\b", re.MULTILINE)
    for module, file in _files(name):
        if file.endswith(".py"):
            with open(file, encoding="utf-8", errors="replace") as source:
                text = source.read()
            if imports.search(text):
                yield module, _imports_late(text, leaf)


def _imports_late(text: str, leaf: str) -> bool:
    """Whether some function imports something of this name, and does not try whether that works."""
    import ast

    waiting: list[tuple[ast.AST, bool]] = [(ast.parse(text), False)]
    while waiting:
        node, late = waiting.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [part for alias in node.names for part in alias.name.split(".")]
            if late and leaf in (*names, *(getattr(node, "module", None) or "").split(".")):
                return True
        elif not isinstance(node, ast.Try):
            late = late or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            waiting += [(child, late) for child in ast.iter_child_nodes(node)]
    return False


def _files(name: str) -> Iterator[tuple[str, str]]:
    """Each module of a package, and its file."""
    roots: list[str] = list(getattr(sys.modules.get(name), "__path__", ()))
    for root in roots:
        for folder, folders, files in os.walk(root):
            folders[:] = sorted(each for each in folders if each.isidentifier() and each not in PASSED_OVER)
            package = [name, *os.path.relpath(folder, root).split(os.sep)]
            for file in sorted(files):
                parts = [part for part in (*package, file.partition(".")[0]) if part not in (".", "__init__")]
                yield ".".join(parts), os.path.join(folder, file)


def _resident() -> int:
    """How many bytes of memory this process has now; the most it ever had, where the system does not tell."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        import resource

        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024
