"""Resolves the back-ticked words of a note against the code, so that prose cannot rot.

A word in back-ticks is a promise that the thing exists. `Vocabulary` collects what does exist: everything that the
package's sources define, what its models (Promela) declare, builtins, and whatever a dotted name imports.
"""

import ast
import builtins
import importlib
import keyword
import pkgutil
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sources import PACKAGE, REPOSITORY, Module

_FENCE = re.compile(r"^[ \t]*(```+|~~~+).*?^[ \t]*\1[ \t]*$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
_LITERAL = re.compile(r"""[rbf]?("[^"\n]*"|'[^'\n]*')""")
_DOTTED = re.compile(r"(?<![\w.\-])[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
_PATH = re.compile(r"[\w.\-]+(?:/[\w.\-]+)*/?")
_SUFFIXES = (".py", ".typed", ".md", ".pml", ".tla", ".toml", ".ini")
_MODEL_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)


@dataclass(frozen=True)
class Unresolved:
    """A word that names nothing."""

    word: str
    line: int


@dataclass
class Vocabulary:
    """All names there are."""

    names: set[str] = field(default_factory=set[str])
    strings: set[str] = field(default_factory=set[str])
    members: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    bases: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    modules: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    @classmethod
    def of(cls, modules: dict[str, Module], root: Path = PACKAGE) -> "Vocabulary":
        """What `modules` define, and what the models beside them declare."""
        vocabulary = cls()
        for module in modules.values():
            vocabulary._read_module(module)
        for model in root.rglob("*.pml"):
            text = _MODEL_COMMENT.sub(" ", model.read_text(encoding="utf-8"))
            vocabulary.names.update(re.findall(r"[A-Za-z_]\w*", text))
        return vocabulary

    def knows(self, word: str) -> bool:
        """Whether `word`, dotted or not, names something."""
        first, *rest = word.split(".")
        if not rest:
            return self._knows_name(first)
        return self._knows_chain(first, rest) or _imports(word)

    def _knows_name(self, name: str) -> bool:
        return (
            len(name) == 1  # a placeholder, as in `join(f, g)`
            or name in self.names
            or (name.isupper() and name in self.strings)  # an environment variable
            or keyword.iskeyword(name)
            or keyword.issoftkeyword(name)
            or hasattr(builtins, name)
            or name in sys.stdlib_module_names
        )

    def _knows_chain(self, first: str, rest: list[str]) -> bool:
        """A class holds its member and a module its name; of other chains every link is a name of the package."""
        if first in self.members:
            return rest[0] in self._members_of(first) and all(name in self.names for name in rest[1:])
        if first in self.modules and rest[0] in self.modules[first]:
            return all(name in self.names for name in rest[1:])
        return first in self.names and all(name in self.names for name in rest)

    def _members_of(self, cls: str, seen: frozenset[str] = frozenset()) -> set[str]:
        found = set(self.members.get(cls, ())) | _members_of_builtin(cls)
        for base in self.bases.get(cls, set[str]()) - seen:
            found |= self._members_of(base, seen | {cls})
        return found

    def _read_module(self, module: Module) -> None:
        stem = module.name.rpartition(".")[2]
        self.names.update(module.name.split("."))
        self.modules[stem] |= module.definitions
        self.modules[module.package.rpartition(".")[2]].add(stem)
        for node in ast.walk(module.tree):
            self._read_node(node)

    def _read_node(self, node: ast.AST) -> None:
        match node:
            case ast.ClassDef():
                self.names.add(node.name)
                self.members[node.name].update(_members(node))
                self.bases[node.name].update(_last_names(node.bases))
                self.names.update(self.members[node.name])
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                self.names.add(name)
            case ast.arg(arg=name) | ast.TypeVar(name=name) | ast.TypeVarTuple(name=name) | ast.ParamSpec(name=name):
                self.names.add(name)
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name):
                self.names.add(name)  # an attribute that is only read exists as well: the type checkers see to that
            case ast.alias(name=name, asname=asname):
                self.names.add(asname or name.rpartition(".")[2])
            case ast.Constant(value=str(text)) if text.isidentifier():
                self.strings.add(text)
            case _:
                pass


def unresolved(text: str, vocabulary: Vocabulary, folder: Path = PACKAGE) -> list[Unresolved]:
    """The back-ticked words of a note in `folder` that name nothing. Fenced blocks are programs, not prose."""
    prose = _FENCE.sub(lambda block: "\n" * block.group().count("\n"), text)
    return [
        Unresolved(word, prose.count("\n", 0, span.start()) + 1)
        for span in _SPAN.finditer(prose)
        for word in _words(span.group(2).strip(), folder)
        if not vocabulary.knows(word)
    ]


def _words(span: str, folder: Path) -> Iterator[str]:
    if _PATH.fullmatch(span) and ("/" in span or span.endswith(_SUFFIXES)):
        if not any((base / span).exists() for base in (folder, PACKAGE, REPOSITORY)):
            yield span
        return
    yield from _DOTTED.findall(_LITERAL.sub(" ", span))


def _members(node: ast.ClassDef) -> Iterator[str]:
    """What the class and its instances have: the names of its body, its slots, and what its methods set on anything."""
    for statement in node.body:
        match statement:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name
            case ast.Assign(targets=targets):
                names = [part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)]
                yield from names
                if "__slots__" in names or _is_enum(node):
                    yield from _strings(statement.value)
            case _:
                pass
    for inner in ast.walk(node):
        if isinstance(inner, ast.Attribute) and isinstance(inner.ctx, ast.Store):
            yield inner.attr


def _is_enum(node: ast.ClassDef) -> bool:
    return any(name.endswith(("Enum", "Flag")) for name in _last_names(node.bases))


def _last_names(expressions: list[ast.expr]) -> Iterator[str]:
    for expression in expressions:
        match expression:
            case ast.Subscript(value=value):
                yield from _last_names([value])
            case ast.Name(id=name) | ast.Attribute(attr=name):
                yield name
            case _:
                pass


def _strings(node: ast.expr) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str) and part.value.isidentifier():
            yield part.value


def _members_of_builtin(cls: str) -> set[str]:
    for holder in ("builtins", "enum", "concurrent.futures"):
        found = getattr(importlib.import_module(holder), cls, None)
        if isinstance(found, type):
            return set(dir(found))
    return set()


def _imports(word: str) -> bool:
    """Whether a dotted name is that of a module, or of something in one, or a builtin's attribute."""
    first = word.partition(".")[0]
    if first not in sys.stdlib_module_names and first != "subpool" and not hasattr(builtins, first):
        return False
    try:
        pkgutil.resolve_name(word if first in sys.stdlib_module_names or first == "subpool" else f"builtins.{word}")
    except (ImportError, AttributeError):
        return False
    return True
