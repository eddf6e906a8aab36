"""The floors of the package, and the manners that a reader relies on, held by tests."""

import ast
import graphlib
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest
from identifiers import Vocabulary, unresolved
from sources import PACKAGE, REPOSITORY, Import, Module, When, owners, read_package

import subpool

MODULES = read_package()

#: The floors, from the ground up. A module imports from its own floor and from those below, never from above.
FLOORS: tuple[frozenset[str], ...] = (
    frozenset({"errors", "broken", "plugin"}),
    frozenset({"_wire"}),
    frozenset({"_schedule"}),
    frozenset({"observe", "doctor", "_doctor"}),
    frozenset({"lanes"}),
    frozenset(
        {
            "data",
            "stats",
            "task",
            "scopes",
            "options",
            "calls",
            "process",
            "stacks",
            "pool",
            "visitor",
            "ambient",
            "functions",
        }
    ),
    frozenset({"_iter", "iterators"}),
    frozenset({"executor", "aio", "sandbox"}),
    frozenset({""}),  # subpool/__init__.py: the table of contents
    frozenset({"integrations"}),
    frozenset({"cli", "__main__"}),
)
#: Function-level imports that point up after all, each with its reason.
REACHES_UP: dict[tuple[str, str], str] = {
    ("subpool.pool", "subpool.iterators"): "a pool's own par_iter is the general one, on it",
}

LINES_PER_MODULE = 400
WORKER = "subpool._schedule.worker"
GUEST = "subpool.sandbox.guest.loop"
HEAVY = {"cloudpickle", "concurrent.futures", "dataclasses", "inspect", "logging", "msgspec", "socket", "subprocess"}
#: Stands in for a module that the standard library of 3.13 lacks; imported by the version seam, on no known CPython.
SEAM = frozenset({"interpreters_backport"})


def floor_of(module: str) -> int:
    noun = module.removeprefix("subpool").removeprefix(".").partition(".")[0]
    for height, nouns in enumerate(FLOORS):
        if noun in nouns:
            return height
    pytest.fail(f"{module} stands on no floor: give {noun!r} one in FLOORS")


def inner_imports(module: Module) -> list[tuple[str, Import]]:
    """The modules of the package that `module` imports. A submodule's own package is no import of it."""
    found = ((owners(each.target, MODULES), each) for each in module.imports)
    return [(target, each) for target, each in found if target is not None and target != module.name]


def all_inner_imports() -> list[tuple[Module, str, Import]]:
    return [(module, target, each) for module in MODULES.values() for target, each in inner_imports(module)]


def is_excused(module: Module, target: str, each: Import) -> bool:
    return each.when is not When.EAGER and (module.name, target) in REACHES_UP


# ------------------------------------------------------------------------------------------------------- floors


def test_imports_only_point_down() -> None:
    up = [
        f"{module.path.relative_to(REPOSITORY)}:{each.line}: {module.name} imports {target} from a floor above"
        for module, target, each in all_inner_imports()
        if floor_of(target) > floor_of(module.name) and not is_excused(module, target, each)
    ]
    assert not up, "\n".join(up)


def test_each_excuse_for_reaching_up_is_used() -> None:
    used = {(module.name, target) for module, target, each in all_inner_imports() if is_excused(module, target, each)}
    assert used == set(REACHES_UP)


def test_no_module_imports_itself_through_others() -> None:
    graph: dict[str, set[str]] = {name: set() for name in MODULES}
    for module, target, each in all_inner_imports():
        if each.when is not When.TYPING and not is_excused(module, target, each):
            graph[module.name].add(target)
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        pytest.fail("a circle of imports: " + " → ".join(reversed(error.args[1])))


@pytest.mark.parametrize("name", MODULES)
def test_a_module_is_one_noun(name: str) -> None:
    lines = MODULES[name].source.count("\n")
    assert lines <= LINES_PER_MODULE, f"{name} has {lines} lines: it is two nouns"


# -------------------------------------------------------------------------------------------------- public names


def test_the_package_is_a_table_of_contents() -> None:
    """``subpool/__init__.py`` has imports, ``__all__``, ``__version__``, and at most the hook of lazy imports."""
    allowed = {"__all__", "__version__", "__getattr__", "__dir__"}
    others = {name for name in MODULES["subpool"].definitions if name not in allowed and not name.startswith("_")}
    assert not others, f"defined in subpool/__init__.py: {sorted(others)}"


def test_every_public_name_is_there_once() -> None:
    assert len(subpool.__all__) == len(set(subpool.__all__))
    assert not [name for name in subpool.__all__ if not hasattr(subpool, name)]


@pytest.mark.parametrize("name", sorted(set(subpool.__all__) - {"__version__"}))
def test_a_public_name_is_documented(name: str) -> None:
    documented = getattr(subpool, name)
    doc = vars(documented).get("__doc__") if isinstance(documented, type) else inspect.getdoc(documented)
    assert doc, f"subpool.{name} has no docstring of its own"


@pytest.mark.parametrize("name", sorted(set(subpool.__all__) - {"__version__"}))
def test_a_public_name_has_one_home(name: str) -> None:
    public = getattr(subpool, name)
    if inspect.ismodule(public):
        assert public.__name__ == f"subpool.{name}"
        return
    definers = [module for module in MODULES.values() if name in module.definitions and module.name != "subpool"]
    homes = [m.name for m in definers if getattr(importlib.import_module(m.name), name) is public]
    assert len(homes) == 1, f"subpool.{name} is defined in {homes or 'no module of the package'}"


def test_public_members_are_documented() -> None:
    bare = [
        f"subpool.{name}.{member}"
        for name, cls in inspect.getmembers(subpool, inspect.isclass)
        if name in subpool.__all__
        for member, value in vars(cls).items()
        if not member.startswith("_")
        and (inspect.isfunction(value) or isinstance(value, property | classmethod | staticmethod))
        and not inspect.getdoc(getattr(cls, member))
    ]
    assert not bare, f"without a docstring: {bare}"


# ------------------------------------------------------------------------------------------------- protocol notes


NOTES = sorted(PACKAGE.rglob("*.md"))


def test_the_schedule_has_its_protocol_note() -> None:
    assert PACKAGE / "_schedule" / "PROTOCOL.md" in NOTES


@pytest.mark.parametrize("note", NOTES, ids=lambda note: str(note.relative_to(PACKAGE)))
def test_a_note_names_only_what_exists(note: Path) -> None:
    text = note.read_text(encoding="utf-8")
    rotten = unresolved(text, Vocabulary.of(MODULES), folder=note.parent)
    assert not rotten, "\n".join(f"{note.relative_to(REPOSITORY)}:{each.line}: `{each.word}`" for each in rotten)


PROTOCOL = (PACKAGE / "_schedule" / "PROTOCOL.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (\d+\. .+)\n((?:(?!## ).*\n)*)", PROTOCOL, re.MULTILINE))


def races_of(text: str) -> list[str]:
    """What the tests of the races are called that a note names: in italics, after the word Race."""
    names = re.findall(r"\bRace\s+\*([^*]+)\*", text)
    return ["test_" + "_".join(re.findall(r"\w+", name.lower())) for name in names]


def named_tests(text: str) -> list[str]:
    """The tests that a section of a note names at its end."""
    return re.findall(r"\btest_\w+", text.partition("\nTests:")[2])


def defined_tests(path: Path) -> set[str]:
    tree = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return {node.name for node in tree if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def test_each_race_of_the_protocols_is_forced_by_a_test() -> None:
    races = races_of(PROTOCOL)
    assert len(races) == len(set(races))
    assert set(races) == defined_tests(REPOSITORY / "tests" / "test_races.py")


@pytest.mark.parametrize("section", SECTIONS)
def test_a_section_of_the_protocols_names_its_tests(section: str) -> None:
    named = named_tests(SECTIONS[section])
    assert set(races_of(SECTIONS[section])) <= set(named), "a race whose test the section does not name"
    defined = set[str]().union(*(defined_tests(path) for path in (REPOSITORY / "tests").rglob("test_*.py")))
    assert named or not races_of(SECTIONS[section]), "it names no test"
    assert not set(named) - defined, "it names tests that there are not"


# ---------------------------------------------------------------------------------------------------- worker side


def loaded_by(start: str, *, parents: bool) -> dict[str, Module]:
    """What importing `start` loads of the package. With `parents`, the ``__init__`` of each enclosing package too."""
    found: dict[str, Module] = {}
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        module = found[name] = MODULES[name]
        waiting += [target for target, each in inner_imports(module) if each.when is When.EAGER]
        enclosing = name.rpartition(".")[0]
        if enclosing and (parents or enclosing != "subpool"):
            waiting.append(enclosing)
    return found


def foreign_imports(module: Module, when: When) -> list[str]:
    return [
        f"{module.path.relative_to(REPOSITORY)}:{each.line}: {each.target}"
        for each in module.imports
        if each.when is when and each.target.partition(".")[0] not in {*sys.stdlib_module_names, *SEAM, "subpool"}
    ]


def test_what_a_worker_imports_is_the_standard_library() -> None:
    """A worker pays for each import, and extension modules without support for subinterpreters would stop it."""
    modules = loaded_by(WORKER, parents=True).values()
    foreign = [line for module in modules for line in foreign_imports(module, When.EAGER)]
    assert not foreign, "\n".join(foreign)


def test_worker_side_code_imports_late_only_cloudpickle() -> None:
    modules = loaded_by(WORKER, parents=False).values()
    foreign = [line for module in modules for line in foreign_imports(module, When.LATE)]
    assert not [line for line in foreign if not line.endswith((": cloudpickle", ": cloudpickle.cloudpickle"))]


def test_what_a_guest_imports_is_the_standard_library() -> None:
    modules = loaded_by(GUEST, parents=True).values()
    foreign = [line for module in modules for when in (When.EAGER, When.LATE) for line in foreign_imports(module, when)]
    assert not foreign, "\n".join(foreign)


def test_a_guest_is_light() -> None:
    """Each plugin pays for what its guest imports, in memory and in time."""
    program = f"import sys, {GUEST}, subpool.plugin; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-S", "-c", program], capture_output=True, text=True, check=True, cwd=REPOSITORY
    )
    assert not HEAVY & set(done.stdout.split())


def test_importing_the_worker_side_loads_nothing_foreign() -> None:
    """The same, as it turns out when run."""
    program = f"""if True:
        import sys, sysconfig
        installed = tuple({{sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}})
        before = set(sys.modules)
        import {WORKER}
        for name in sorted(set(sys.modules) - before):
            if (getattr(sys.modules[name], "__file__", None) or "").startswith(installed):
                print(name)
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=REPOSITORY)
    assert [name for name in done.stdout.split() if name.partition(".")[0] != "subpool"] == []


# -------------------------------------------------------------------------------------------- the gates themselves


def module_of(source: str, path: str = "subpool/_wire/board.py") -> Module:
    module = Module(path.removesuffix(".py").removesuffix("/__init__").replace("/", "."), REPOSITORY / path)
    module.__dict__.update(source=source, tree=ast.parse(source))
    return module


@pytest.mark.parametrize(
    "source, target, when",
    [
        ("import a.b", "a.b", When.EAGER),
        ("from a import b", "a.b", When.EAGER),
        ("from . import channel", "subpool._wire.channel", When.EAGER),
        ("from .channel import Channel", "subpool._wire.channel.Channel", When.EAGER),
        ("from .. import errors", "subpool.errors", When.EAGER),
        ("from ..errors import E", "subpool.errors.E", When.EAGER),
        ("class A:\n    import a", "a", When.EAGER),
        ("try:\n    import a\nexcept ImportError:\n    pass", "a", When.EAGER),
        ("def f():\n    import a", "a", When.LATE),
        ("class A:\n    async def f(self):\n        import a", "a", When.LATE),
        ("def f():\n    return import_module('a.b')", "a.b", When.LATE),
        ("if TYPE_CHECKING:\n    import a", "a", When.TYPING),
        ("if typing.TYPE_CHECKING:\n    pass\nelse:\n    import a", "a", When.EAGER),
    ],
)
def test_imports_are_read(source: str, target: str, when: When) -> None:
    assert [(each.target, each.when) for each in module_of(source).imports] == [(target, when)]


def test_relative_imports_of_a_package_count_from_itself() -> None:
    module = module_of("from .board import Board", "subpool/_wire/__init__.py")
    assert [each.target for each in module.imports] == ["subpool._wire.board.Board"]


def test_races_are_told_from_other_italics() -> None:
    text = "*One place*. Race *late\nring*: no *Race*. A race *unnamed*. Race *the clock*.\n\nTests: test_a,\ntest_b.\n"
    assert races_of(text) == ["test_late_ring", "test_the_clock"]
    assert named_tests(text) == ["test_a", "test_b"]


BOARD = """
import enum
STRIDE = 8
class State(enum.Enum):
    ASLEEP = "asleep"
class Cell:
    __slots__ = ("word",)
    def read(self, index): self.latest = index
class Bell(Cell):
    def ring(self): os.environ["SUBPOOL_BELL"]
"""


@pytest.mark.parametrize(
    "text",
    [
        "`Cell`, `STRIDE`, `State.ASLEEP`, `asleep`, `word`, `index`, `board`, `_wire`",
        "`board.STRIDE`, `Cell.word`, `Cell.latest`, `Bell.read`, `Bell.ring()`, `_wire.board`",
        "cell and celll are prose, ``Cell`` is code; `None`, `len`, `os`, `os.fork`, `memoryview.cast`",
        "`concurrent.futures.Future`, `with`, `match`, `environ`",
        '`read(f, g)`, `Cell.read(index=1)`, `x`, `read("anything at all")`, `if not word: pass`',
        "`SUBPOOL_BELL`, `subpool/py.typed`, `py.typed`, `pyproject.toml`",
        "```python\nnothing_here_is_checked\n```\n",
    ],
)
def test_words_that_exist_resolve(text: str) -> None:
    assert unresolved(text, Vocabulary.of({"b": module_of(BOARD)})) == []


@pytest.mark.parametrize(
    "text, word",
    [
        ("The `Celll` rings.", "Celll"),
        ("`Cell.ring`", "Cell.ring"),
        ("`State.AWAKE`", "State.AWAKE"),
        ("`board.no_such_thing`", "board.no_such_thing"),
        ("`os.no_such_thing`", "os.no_such_thing"),
        ("`subpool/no_such_file.py`", "subpool/no_such_file.py"),
        ("`no_such_file.md`", "no_such_file.md"),
        ("`SUBPOOL_GONE`", "SUBPOOL_GONE"),
        ("`read(gone)`", "gone"),
        ("`read` in\nthe `word gone`", "gone"),
        ("```\nx\n```\n`gone`", "gone"),
    ],
)
def test_a_word_that_names_nothing_is_found(text: str, word: str) -> None:
    found = unresolved(text, Vocabulary.of({"b": module_of(BOARD)}))
    assert [each.word for each in found] == [word]


def test_an_unresolved_word_is_found_on_its_line() -> None:
    (found,) = unresolved("# Title\n\n```\ncode\n```\nand `gone`.\n", Vocabulary.of({"b": module_of(BOARD)}))
    assert (found.word, found.line) == ("gone", 6)
