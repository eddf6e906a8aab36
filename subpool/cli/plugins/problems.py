"""What can be wrong with a plugin, found in its source, its manifest and its imports."""

import ast
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Any, Self, Union, get_origin

import msgspec

from subpool.cli.plugins import given
from subpool.cli.plugins.imports import Needed, needed_by
from subpool.errors import PluginError
from subpool.sandbox.boundary import Function
from subpool.sandbox.declared import parse_type
from subpool.sandbox.manifest import FILE, FunctionEntry
from subpool.sandbox.origin import Origin
from subpool.sandbox.sandbox import Sandbox
from subpool.sandbox.settings import Isolation

__all__ = ["Problem", "in_code", "in_declarations", "in_imports"]

PROBE = Path(__file__).with_name("probe.py")
LONGEST = 30.0
"""Seconds that an import may take."""


class Problem(msgspec.Struct, frozen=True):
    """Something that is wrong, and where, as well as that can be told."""

    message: str
    file: str = ""
    line: int | None = None

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {self.message}" if where else self.message

    @classmethod
    def of_error(cls, error: PluginError, origin: Origin) -> Self:
        """What the plugin raised as it was loaded, at the innermost place in its own files."""
        said = f"{error.type_name}: {error.message}" if error.type_name else error.message
        places = re.findall(r'File "([^"]+)", line (\d+)', error.traceback_text)
        own = [(file, line) for file, line in places if Path(file).is_relative_to(origin.folder)]
        if not own:
            return cls(f"does not load: {said}", str(origin.file))
        return cls(f"does not load: {said}", own[-1][0], int(own[-1][1]))


# -- source ------------------------------------------------------------------------------------------------------------


def in_code(origin: Origin) -> Iterator[Problem]:
    """Files that are no Python."""
    for file in sources(origin):
        try:
            with tokenize.open(file) as opened:
                compile(opened.read(), str(file), "exec", dont_inherit=True)
        except SyntaxError as error:
            yield Problem(f"{type(error).__name__}: {error.msg}", str(file), error.lineno)
        except (OSError, ValueError, RecursionError, MemoryError) as error:
            yield Problem(f"cannot be read: {error}", str(file))


def sources(origin: Origin) -> list[Path]:
    """The plugin's own modules; not those of the packages that it brings along."""
    manifest = origin.manifest
    vendored = origin.folder / manifest.dependencies if manifest and manifest.dependencies else None
    files = [file for file in origin.files() if file.suffix == ".py"]
    return sorted(file for file in files if vendored is None or not file.is_relative_to(vendored))


# -- imports -----------------------------------------------------------------------------------------------------------


def in_imports(origin: Origin, isolation: Isolation) -> Iterator[Problem]:
    """Modules that it needs, wherever it imports them, and that do not load there."""
    wanted = [need for file in sources(origin) for need in needed_by(file)]
    if not wanted:
        return
    policy = given.policy_for(True, origin.manifest)
    policy = msgspec.structs.replace(policy, read=(*policy.read, str(origin.folder)))
    path = [*origin.path, *([str(origin.folder.parent)] if origin.package and not origin.path else [])]
    with Sandbox(PROBE, policy=policy, sys_path=path, isolation=isolation, timeout=LONGEST) as box:
        for need in wanted:
            if _is_of(origin, need):
                continue
            try:
                problem = box.call("problem", need.module, need.name, returns=str)
            except (PluginError, TimeoutError) as error:  # the module ended the interpreter, or did not end
                problem = f"{need.module} does not load: {error}"
            if problem:
                yield Problem(problem, str(need.file), need.line)


def _is_of(origin: Origin, need: Needed) -> bool:
    """Whether it is the plugin itself, which is loaded later and as a whole."""
    return need.module.partition(".")[0] == origin.module.partition(".")[0]


# -- declarations ------------------------------------------------------------------------------------------------------


def in_declarations(origin: Origin, functions: list[Function]) -> Iterator[Problem]:
    """Where the manifest and the functions contradict each other."""
    manifest = origin.manifest
    if manifest is None:
        return
    places = _definitions(origin.file)
    for function in functions:
        entry = (manifest.functions or {}).get(function.name)
        if entry is None:
            continue
        for field, said in _contradictions(entry, function):
            text = f"functions.{function.name}.{field}: {said}"
            line = places.get(function.name)
            where = f" (it is defined at {origin.file}:{line})" if line else ""
            yield Problem(text + where, str(origin.folder / FILE))


def _definitions(file: Path) -> dict[str, int]:
    tree = ast.parse(file.read_bytes())
    return {node.name: node.lineno for node in tree.body if isinstance(node, ast.FunctionDef)}


def _contradictions(entry: FunctionEntry, function: Function) -> Iterator[tuple[str, str]]:
    declared, own = list(entry.parameters.items()), list(function.parameters.items())
    if entry.parameters and len(declared) > len(own) > 0:
        yield "parameters", f"{len(declared)} are declared, and the function takes {len(own)}"
        return
    for (name, kind), (own_name, own_kind) in zip(declared, own, strict=False):
        if name != own_name:
            yield f"parameters.{name}", f"the function calls it {own_name!r}"
        elif _differ(kind, own_kind, widens=True):
            yield f"parameters.{name}", f"declared as {kind}, and the function takes {own_kind}"
    if _differ(function.returns, entry.returns, widens=True):
        yield "returns", f"declared as {entry.returns}, and the function returns {function.returns}"


def _differ(given_kind: str, wanted_kind: str, *, widens: bool) -> bool:
    """Whether no value of one type could be one of the other, as far as their outermost kind tells."""
    kinds = [_kind(given_kind), _kind(wanted_kind)]
    if Any in kinds or kinds[0] == kinds[1]:
        return False
    return not (widens and kinds == [int, float])


def _kind(text: str) -> Any:
    """The outermost kind of a type; `Any` where it is open, or not known here."""
    try:
        kind = parse_type(text) if text else Any
    except ValueError:
        return Any
    kind = get_origin(kind) or kind
    return kind if isinstance(kind, type) and kind not in (UnionType, Union) else Any
