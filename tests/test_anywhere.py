"""Functions may come from anywhere: a module, `__main__`, `python -c`, the REPL, a notebook cell."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import tasks
from helpers import LIBRARY, TESTS, program, run, silent, written

import subpool

PREFACE = """
import subpool
from functools import partial
pool = subpool.Pool(1, strict=True)
"""
# Strict: whatever may cross does cross, and nothing that cannot runs in the caller instead.

PROGRAM = """
BASE = 40

def where():
    return subpool.worker_index()

def add(a, b=BASE):
    return a + b + helper()

def helper():
    return BASE - 40

class Point:
    def __init__(self, x):
        self.x = x
    def moved(self):
        return Point(self.x + 1)

class Broken(Exception):
    pass

def fail():
    raise Broken("broken", Point(3))

print(pool.join(where, where) in ((None, 0), (None, None)))
print(pool.join(lambda: add(1), lambda: add(2)))
print(pool.join_all([partial(add, number, 0) for number in range(4)]))
print(pool.spawn(add, 3).join())

point = pool.spawn(Point(1).moved).join()
print(isinstance(point, Point), point.x)

try:
    pool.join(where, fail)
except Broken as error:
    print(error.args[0], isinstance(error.args[1], Point))

BASE = 50
print(pool.join(lambda: BASE, lambda: BASE), pool.spawn(helper).join())
"""

EXPECTED = """True
(41, 42)
[0, 1, 2, 3]
43
True 2
broken True
(50, 50) 10
"""


class TestPrograms:
    """A module, `__main__` with or without a guard, `python -c`."""

    def test_main_without_a_guard(self, tmp_path: Path) -> None:
        silent(run([written(PREFACE + PROGRAM, tmp_path)]), EXPECTED)

    def test_main_with_a_guard(self, tmp_path: Path) -> None:
        definitions, _, calls = PROGRAM.partition("print(")
        guarded = "if __name__ == '__main__':\n" + "".join(
            f"    {line}\n" for line in f"{PREFACE}print({calls}".splitlines()
        )
        silent(run([written("import subpool\n" + definitions + guarded, tmp_path)]), EXPECTED)

    def test_command(self) -> None:
        silent(run(["-c", PREFACE + PROGRAM]), EXPECTED)

    def test_standard_input(self) -> None:
        silent(run(["-"], stdin=PREFACE + PROGRAM), EXPECTED)

    def test_module_run_as_main(self, tmp_path: Path) -> None:
        path = written(PREFACE + PROGRAM, tmp_path, "runnable.py")
        result = run(["-c", f"import runpy; runpy.run_path({str(path)!r}, run_name='__main__')"])
        silent(result, EXPECTED)

    def test_package_run_as_main(self, tmp_path: Path) -> None:
        package = tmp_path / "runnable"
        package.mkdir()
        written("", package, "__init__.py")
        written("def twice(x): return 2 * x", package, "arithmetic.py")
        written(
            """
            import subpool
            from .arithmetic import twice
            def four_times(x): return twice(twice(x))
            with subpool.Pool(1, strict=True) as pool:
                print(pool.join(lambda: twice(1), lambda: four_times(1)), pool.spawn(four_times, 2).result())
            """,
            package,
            "__main__.py",
        )
        path = os.pathsep.join((str(tmp_path), str(LIBRARY), str(TESTS)))
        silent(run(["-m", "runnable"], variables={"PYTHONPATH": path}), "(2, 4) 8\n")

    def test_module_beside_the_program(self, tmp_path: Path) -> None:
        written("import subpool\ndef where(): return subpool.worker_index() is not None", tmp_path, "beside.py")
        path = written(
            """
            import subpool, beside
            with subpool.Pool(1) as pool:
                print(pool.spawn(beside.where).result(), pool.spawn(lambda: beside.where()).result())
            """,
            tmp_path,
        )
        silent(run([path]), "True True\n")

    def test_module_on_a_path_added_at_run_time(self, tmp_path: Path) -> None:
        folder = tmp_path / "elsewhere"
        folder.mkdir()
        written("def answer(): return 42", folder, "found_late.py")
        path = written(
            f"""
            import sys, subpool
            with subpool.Pool(1) as pool:
                pool.spawn(int).result()
                sys.path.insert(0, {str(folder)!r})
                import found_late
                print(pool.spawn(found_late.answer).result())
            """,
            tmp_path,
        )
        silent(run([path]), "42\n")

    def test_nothing_of_main_runs_again(self, tmp_path: Path) -> None:
        """With or without a guard: no worker imports the program."""
        path = written(
            """
            print("once")
            import subpool
            def two(): return 2
            with subpool.Pool(2) as pool:
                print(pool.join_all([two] * 5), pool.spawn(two).result())
            """,
            tmp_path,
        )
        silent(run([path]), "once\n[2, 2, 2, 2, 2] 2\n")

    def test_recursive_function_of_main(self, tmp_path: Path) -> None:
        path = written(
            """
            import subpool
            def fib(n):
                if n < 2:
                    return n
                a, b = subpool.join(lambda: fib(n - 1), lambda: fib(n - 2))
                return a + b
            print(fib(16))
            """,
            tmp_path,
        )
        for workers in ("0", "1", "3"):
            silent(run([path], variables={"SUBPOOL_WORKERS": workers}), "987\n")
        silent(run([path], variables={"SUBPOOL_WORKERS": "1", "SUBPOOL_STRICT": "1"}), "987\n")

    def test_dataclasses_enums_and_named_tuples_of_main(self, tmp_path: Path) -> None:
        path = written(
            """
            import enum, subpool
            from dataclasses import dataclass
            from typing import NamedTuple
            class Colour(enum.Enum):
                RED = 1
            @dataclass(frozen=True)
            class Size:
                width: int
            class Both(NamedTuple):
                colour: Colour
                size: Size
            def grow(both): return both._replace(size=Size(both.size.width + 1))
            with subpool.Pool(1, strict=True) as pool:
                both = pool.spawn(grow, Both(Colour.RED, Size(1))).result()
                print(both == Both(Colour.RED, Size(2)), both.colour is Colour.RED)
            """,
            tmp_path,
        )
        silent(run([path]), "True True\n")


INITIALISED = """
from functools import partial
import subpool
NAME, CACHE, COUNT = "home", {{}}, 1

def prepare(name):
    global NAME
    NAME = name
    CACHE["name"] = name

def report(number=0):
    return NAME, CACHE, COUNT, number

class Preparer:
    def prepare(self, name):
        prepare(name)

with subpool.Pool(1, initializer={initializer}, initargs=("worker",)) as pool:
    print(pool.spawn(report).result())
    COUNT = 2
    print(pool.spawn(partial(report, 7)).result(), pool.spawn(lambda: NAME).result())
print(report())
"""


class TestInitialisedGlobals:
    """What an initializer has set in its worker goes before what functions of a script bring along."""

    @pytest.mark.parametrize("strict", ["", "1"], ids=["", "strict"])
    @pytest.mark.parametrize(
        "initializer", ["prepare", "partial(prepare)", "Preparer().prepare", "lambda name: prepare(name)"]
    )
    def test_of_a_script(self, tmp_path: Path, initializer: str, strict: str) -> None:
        path = written(INITIALISED.format(initializer=initializer), tmp_path)
        silent(
            run([path], variables={"SUBPOOL_STRICT": strict}),
            "('worker', {'name': 'worker'}, 1, 0)\n('worker', {'name': 'worker'}, 2, 7) worker\n('home', {}, 2, 0)\n",
        )

    def test_of_a_module(self) -> None:
        """A closure of a module: what it sets there is set there."""
        with subpool.Pool(1, initializer=lambda: setattr(tasks, "GLOBAL", "initialised")) as pool:
            assert pool.spawn(tasks.read_global).result(tasks.PATIENCE) == "initialised"
        assert tasks.GLOBAL == "as imported"


class TestInteractive:
    """The REPL, a notebook cell."""

    def test_repl(self) -> None:
        lines = program(
            """
            import subpool
            def double(x):
                return 2 * x

            pool = subpool.Pool(1, strict=True)
            print("joined", pool.join(lambda: double(1), lambda: double(2)))
            print("spawned", pool.spawn(double, 3).result())
            """
        )
        result = run(["-i", "-q"], stdin=lines)
        assert result.returncode == 0
        assert result.stdout == "joined (2, 4)\nspawned 6\n"
        assert "Error" not in result.stderr
        assert "Warning" not in result.stderr

    @pytest.mark.parametrize("module", ["__main__", "a_notebook"])
    def test_cells(self, tmp_path: Path, module: str) -> None:
        """A notebook cell: compiled by itself, run in a namespace of its own that calls itself `__main__`."""
        path = written(
            f"""
            import subpool
            namespace = {{"__name__": {module!r}}}
            def cell(source):
                exec(compile(source, "<cell>", "exec"), namespace)
            cell("import subpool; pool = subpool.Pool(1, strict=True); FACTOR = 2")
            cell("def times(x): return FACTOR * x")
            cell("print(pool.join(lambda: times(1), lambda: times(2)), pool.spawn(times, 3).join())")
            cell("FACTOR = 10")
            cell("print(pool.join(lambda: times(1), lambda: times(2)), pool.spawn(times, 3).join())")
            """,
            tmp_path,
        )
        silent(run([path]), "(2, 4) 6\n(10, 20) 30\n")
