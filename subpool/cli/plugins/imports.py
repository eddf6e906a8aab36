"""What a source file needs: the modules that it imports, where, and whether it can do without."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = ["Needed", "needed_by"]

CAUGHT = frozenset(("ImportError", "ModuleNotFoundError", "Exception", "BaseException"))


class Needed(NamedTuple):
    """An import that has to work."""

    file: Path
    line: int
    module: str
    name: str
    """What is imported from the module; empty if it is the module itself."""


def needed_by(file: Path) -> list[Needed]:
    """The imports of a file, those inside of functions too.

    Left out are those that may fail, those for type checkers, and relative ones, which loading the plugin tries.
    """
    tree = ast.parse(file.read_bytes())
    return [Needed(file, line, module, name) for line, module, name in _imports(tree)]


def _imports(node: ast.AST) -> Iterator[tuple[int, str, str]]:
    parts: Iterable[ast.AST] = ()
    if isinstance(node, ast.Import):
        yield from ((node.lineno, alias.name, "") for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and not node.level and node.module and node.module != "__future__":
        yield from ((node.lineno, node.module, alias.name.replace("*", "")) for alias in node.names)
    elif isinstance(node, ast.Try) and any(_catches(handler) for handler in node.handlers):
        parts = (*node.orelse, *node.finalbody)
    elif isinstance(node, ast.If) and ast.unparse(node.test).rpartition(".")[2] == "TYPE_CHECKING":
        parts = node.orelse
    else:
        parts = ast.iter_child_nodes(node)
    for part in parts:
        yield from _imports(part)


def _catches(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(ast.unparse(kind) in CAUGHT for kind in kinds)
