"""What the doctor is asked about: modules, distributions, requirements files and project folders."""

from __future__ import annotations

import ast
import os
import re
import sys
import tomllib
from importlib import metadata
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Wanted", "wanted"]

NAME: Final = re.compile(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:$|[\[(<>=!~;@,\s])")
"""The name that a requirement begins with."""
PASSED_OVER: Final = frozenset({"bench", "benchmarks", "build", "dist", "doc", "docs", "node_modules", "test", "tests"})
"""Folders of a project whose imports are not needed to run it."""


class Wanted(NamedTuple):
    """One thing to examine."""

    name: str
    """As it was asked for."""
    module: str | None
    """What is imported for it; None if it is not installed."""
    version: str | None
    """That of the distribution it comes from, if it comes from one."""
    siblings: tuple[str, ...] | None = None
    """The extension modules that came with it, outside its package; None if it is only a part of a package."""


def wanted(names: Iterable[str]) -> list[Wanted]:
    """What these names ask for, each module once.

    Raises:
        ValueError: a requirements file has a line that names no distribution.
        OSError: a file cannot be read.
    """
    found: dict[str, Wanted] = {}
    for name in names:
        for each in _of(name):
            found.setdefault(each.module or each.name, each)
    return list(found.values())


def _of(name: str) -> Iterator[Wanted]:
    path = Path(name)
    if name.endswith((".txt", ".in")):
        yield from _required(_lines(path))
    elif path.name == "pyproject.toml":
        yield from _of_project(path.parent)
    elif os.sep in name or name in (os.curdir, os.pardir):
        yield from _of_project(path)
    else:
        yield _resolved(name)


# -- one name ------------------------------------------------------------------------------------------------------


def _resolved(name: str) -> Wanted:
    """A module of this name, or else the distribution of this name by its main module."""
    if _exists(name):
        return _described(name, name, _distribution_of(name))
    try:
        distribution = metadata.distribution(name)
    except (metadata.PackageNotFoundError, ValueError):
        return Wanted(name, None, None)
    return _described(name, _main_module(name, distribution), distribution)


def _described(name: str, module: str | None, distribution: metadata.Distribution | None) -> Wanted:
    if distribution is None or module is None:
        return Wanted(name, module, None, None if module is None or "." in module else ())
    if module == name and "." in name:
        return Wanted(name, module, distribution.version)
    files = (str(file) for file in distribution.files or ())
    extensions = (
        file.partition(".")[0].replace("/", ".") for file in files if file.endswith(tuple(EXTENSION_SUFFIXES))
    )
    siblings = tuple(each for each in extensions if not each.startswith(f"{module}.") and each != module)
    return Wanted(name, module, distribution.version, siblings)


def _exists(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except (ImportError, ValueError, AttributeError):
        return name in sys.builtin_module_names


def _distribution_of(name: str) -> metadata.Distribution | None:
    top = name.partition(".")[0]
    for distribution in (top, *metadata.packages_distributions().get(top, ())):
        try:
            return metadata.distribution(distribution)
        except metadata.PackageNotFoundError:
            continue
    return None


def _main_module(name: str, distribution: metadata.Distribution) -> str | None:
    """The module that a distribution is about: of its own name, else the first one, private ones and tests last."""
    modules = {module for file in distribution.files or () if (module := _module_of(file.parts)) is not None}
    own = _plain(name)

    def rank(module: str) -> tuple[bool, bool, int, str]:
        private = module.startswith("_") or module.partition(".")[0] in PASSED_OVER
        return _plain(module.rpartition(".")[2]) != own, private, module.count("."), module

    importable = (module for module in sorted(modules, key=rank) if _exists(module))
    return next(importable, None)


def _module_of(parts: tuple[str, ...]) -> str | None:
    """The module that a file of a distribution is, if it is a package or stands alone."""
    *folders, file = parts
    if any(not folder.isidentifier() for folder in folders):
        return None
    if file == "__init__.py" and len(folders) in (1, 2):
        return ".".join(folders)
    stem, dot, suffix = file.partition(".")
    return stem if not folders and dot and stem.isidentifier() and suffix.endswith(("py", "so", "pyd")) else None


def _plain(name: str) -> str:
    return re.sub(r"[-_.]", "", name).lower()


# -- files and folders ---------------------------------------------------------------------------------------------


def _lines(path: Path) -> Iterator[str]:
    """The requirements of a file, and of those that it includes."""
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    for number, line in enumerate(text.splitlines(), 1):
        requirement = re.sub(r"(^|\s)#.*", "", line).strip()
        included = re.match(r"(?:-r|--requirement)[\s=]*(.+)", requirement)
        if included:
            yield from _lines(path.parent / included[1])
        elif egg := re.search(r"#egg=([\w.-]+)", line):
            yield egg[1]
        elif requirement and not requirement.startswith("-"):
            if not NAME.match(requirement) or os.sep in requirement.partition("@")[0]:
                raise ValueError(f"{path}, line {number}: no distribution is named by {requirement!r}")
            yield requirement


def _required(requirements: Iterable[str]) -> Iterator[Wanted]:
    """What these requirements name. What is for another environment, by a marker, and is not here, is not wanted."""
    for requirement in requirements:
        match = NAME.match(requirement)
        if match is None:
            raise ValueError(f"no distribution is named by {requirement!r}")
        found = _resolved(match[1])
        if found.module is not None or ";" not in requirement:
            yield found


def _of_project(folder: Path) -> Iterator[Wanted]:
    """The dependencies that a project declares, and whatever else its own code imports."""
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no project folder {str(folder)!r}")
    file = folder / "pyproject.toml"
    if file.is_file():
        project = tomllib.loads(file.read_text(encoding="utf-8")).get("project", {})
        yield from _required(project.get("dependencies", ()))
    own, imported = _own_and_imported(folder)
    for name in sorted(imported - own - sys.stdlib_module_names):
        yield _resolved(name)


def _own_and_imported(folder: Path) -> tuple[set[str], set[str]]:
    """The modules that a project consists of, and those that it cannot do without."""
    own: set[str] = set()
    imported: set[str] = set()
    for parent, folders, files in os.walk(folder):
        folders[:] = [each for each in folders if _is_code(Path(parent, each))]
        own.update(folders)
        for file in files:
            if file.endswith(".py"):
                own.add(file.removesuffix(".py"))
                imported |= _imports(Path(parent, file))
    return own, imported


def _is_code(folder: Path) -> bool:
    return folder.name not in PASSED_OVER and folder.name.isidentifier() and not (folder / "pyvenv.cfg").exists()


def _imports(file: Path) -> set[str]:
    """The top-level names that a file imports, but for those that it may do without, or only names in types."""
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):
        return set()
    found: set[str] = set()
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            found.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            found.add(node.module.partition(".")[0])
        elif not isinstance(node, ast.Try) and not (
            isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        ):
            waiting.extend(ast.iter_child_nodes(node))
    return found
