"""The package as its sources show it: modules, and what each of them imports and when.

Read from syntax trees alone, so that the gates in ``test_architecture`` judge a module without running it.
"""

import ast
import enum
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
PACKAGE = REPOSITORY / "subpool"


class When(enum.Enum):
    """When an import statement runs."""

    EAGER = "as the module is imported"
    LATE = "as one of its functions runs"
    TYPING = "never: under TYPE_CHECKING, for type checkers alone"


@dataclass(frozen=True)
class Import:
    """One dependency of one module on another, by absolute name."""

    target: str
    line: int
    when: When


@dataclass(frozen=True)
class Module:
    """One source file of the package."""

    name: str
    path: Path

    @cached_property
    def source(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.source, filename=str(self.path))

    @property
    def is_package(self) -> bool:
        return self.path.name == "__init__.py"

    @property
    def package(self) -> str:
        """What a relative import in this module counts from."""
        return self.name if self.is_package else self.name.rpartition(".")[0]

    @cached_property
    def imports(self) -> tuple[Import, ...]:
        return tuple(_imports(self.tree, self.package, When.EAGER))

    @cached_property
    def definitions(self) -> frozenset[str]:
        """The names that the module itself defines at its top level; a re-exported name is not one of them."""
        return frozenset(_definitions(self.tree.body))


def read_package(root: Path = PACKAGE) -> dict[str, Module]:
    """Every module below `root`, by dotted name."""
    modules = (Module(_dotted(path, root), path) for path in sorted(root.rglob("*.py")))
    return {module.name: module for module in modules}


def owners(target: str, modules: dict[str, Module]) -> str | None:
    """The module of the package that an import of `target` loads: itself, or the one that holds the name."""
    while target and target not in modules:
        target = target.rpartition(".")[0]
    return target or None


def _dotted(path: Path, root: Path) -> str:
    parts = path.relative_to(root.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(node: ast.AST, package: str, when: When) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.Import(names=names):
                yield from (Import(name.name, child.lineno, when) for name in names)
            case ast.ImportFrom(names=names):
                base = _absolute(child, package)
                yield from (Import(f"{base}.{name.name}", child.lineno, when) for name in names)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                yield from _imports(child, package, When.LATE if when is When.EAGER else when)
            case ast.If(test=test) if _is_type_checking(test):
                for statement in child.body:
                    yield from _imports(ast.Module([statement], []), package, When.TYPING)
                for statement in child.orelse:
                    yield from _imports(ast.Module([statement], []), package, when)
            case ast.Call(args=[ast.Constant(value=str(name)), *_]) if _called(child) == "import_module":
                yield Import(name if not name.startswith(".") else package + name, child.lineno, when)
            case _:
                yield from _imports(child, package, when)


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    base = package.rsplit(".", node.level - 1)[0] if node.level > 1 else package
    return f"{base}.{node.module}" if node.module else base


def _is_type_checking(test: ast.expr) -> bool:
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )


def _called(call: ast.Call) -> str:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def _definitions(body: list[ast.stmt]) -> Iterator[str]:
    for statement in body:
        match statement:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.TypeAlias(name=ast.Name(id=name)):
                yield name
            case ast.Assign(targets=targets):
                yield from (node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name
            case ast.If() | ast.With():
                yield from _definitions(statement.body)
                yield from _definitions(getattr(statement, "orelse", []))
            case ast.Try():
                for part in (statement.body, statement.orelse, statement.finalbody):
                    yield from _definitions(part)
                for handler in statement.handlers:
                    yield from _definitions(handler.body)
            case _:
                pass
