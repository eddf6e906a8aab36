"""Programs of every shape run a pool: zipapps, namespace packages, editable installs, notebooks, test modules."""

from __future__ import annotations

import os
import sysconfig
import venv
import zipapp
from pathlib import Path

import pytest
from helpers import LIBRARY, TESTS, needs, run, silent, written

BODY = """
    import subpool
    from {package}.numbers import Pair, Colour, half

    def main():
        with subpool.Pool(1, strict=True) as pool:
            print(pool.join(lambda: half(4), lambda: half(6)), pool.spawn(half, 8).result(30))
            print(pool.spawn(Pair.swapped, Pair(1, Colour.RED)).result(30))
            print(pool.par_iter(range(4)).map(half).collect())
"""
NUMBERS = """
    from dataclasses import dataclass
    from enum import Enum

    class Colour(Enum):
        RED = 1

    @dataclass(slots=True)
    class Pair:
        left: object
        right: object

        def swapped(self):
            return Pair(self.right, self.left)

    def half(number):
        return number // 2
"""
PRINTED = "(2, 3) 4\nPair(left=<Colour.RED: 1>, right=1)\n[0, 0, 1, 1]\n"


def package_in(folder: Path, package: str, *, namespace: bool = False) -> Path:
    """A package of two modules; without a `__init__.py` if it is a namespace package."""
    inside = folder.joinpath(*package.split("."))
    inside.mkdir(parents=True)
    if not namespace:
        written("", inside, "__init__.py")
    written(NUMBERS, inside, "numbers.py")
    written(BODY.format(package=package), inside, "program.py")
    return inside


def path_with(*folders: Path) -> dict[str, str]:
    return {"PYTHONPATH": os.pathsep.join(map(str, (*folders, LIBRARY, TESTS)))}


def test_a_zipapp(tmp_path: Path) -> None:
    """Its modules are found in the archive, in workers too."""
    source = tmp_path / "source"
    source.mkdir()
    package_in(source, "zipped")
    archive = tmp_path / "program.pyz"
    zipapp.create_archive(source, archive, main="zipped.program:main")
    silent(run([archive], variables=path_with()), PRINTED)


def test_a_zipapp_whose_functions_are_in_main(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    written(
        """
        import subpool
        def half(number):
            return number // 2
        with subpool.Pool(1, strict=True) as pool:
            print(pool.join(lambda: half(4), lambda: half(6)), pool.spawn(half, 8).result(30))
        """,
        source,
        "__main__.py",
    )
    archive = tmp_path / "program.pyz"
    zipapp.create_archive(source, archive)
    silent(run([archive], variables=path_with()), "(2, 3) 4\n")


def test_a_namespace_package_in_two_places(tmp_path: Path) -> None:
    """One of its parts lies here, the other there."""
    here, there = tmp_path / "here", tmp_path / "there"
    package_in(here, "spread.first", namespace=True)
    package_in(there, "spread.second", namespace=True)
    program = "import spread.first.program as one, spread.second.program as two; one.main(); two.main()"
    silent(run(["-c", program], variables=path_with(here, there)), PRINTED * 2)


@pytest.mark.parametrize("how", ["path", "finder"])
def test_an_editable_install(tmp_path: Path, how: str) -> None:
    """Either kind: a `.pth` file that adds a path, or one that adds a finder to `sys.meta_path`."""
    venv.create(tmp_path / "environment", with_pip=False, symlinks=True)
    (site,) = tmp_path.glob("environment/lib/python*/site-packages")
    inside = package_in(tmp_path / "checkout" / "src", "edited")
    written("\n".join(sysconfig.get_paths()[name] for name in ("purelib", "platlib")), site, "others.pth")
    if how == "path":
        written(str(inside.parent), site, "edited.pth")
    else:
        written("import _editable_finder", site, "edited.pth")
        written(
            f"""
            import sys, importlib.util
            class Finder:
                @staticmethod
                def find_spec(name, path=None, target=None):
                    if name == "edited":
                        file = {str(inside / "__init__.py")!r}
                        return importlib.util.spec_from_file_location(
                            name, file, submodule_search_locations=[{str(inside)!r}]
                        )
            sys.meta_path.append(Finder)
            """,
            site,
            "_editable_finder.py",
        )
    python = tmp_path / "environment" / "bin" / "python"
    program = "import edited.program; edited.program.main()"
    silent(run(["-c", program], variables=path_with(), python=python), PRINTED)


def test_a_test_module(tmp_path: Path) -> None:
    """Functions of a test module, and what they close over."""
    written(
        """
        import subpool

        def half(number):
            return number // 2

        def test_pool():
            odd = 7
            with subpool.Pool(1, strict=True) as pool:
                assert pool.join(lambda: half(4), lambda: half(odd)) == (2, 3)
                assert pool.spawn(half, 8).result(30) == 4
        """,
        tmp_path,
        "test_of_a_user.py",
    )
    arguments = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(tmp_path)]
    result = run(arguments, variables=path_with())
    assert result.returncode == 0, result.stdout + result.stderr
    assert "1 passed" in result.stdout


CELLS = (
    "import subpool\npool = subpool.Pool(1, strict=True)\nFACTOR = 2",
    "def times(x):\n    return FACTOR * x\nprint(pool.join(lambda: times(1), lambda: times(2)))",
    "FACTOR = 10\nprint(pool.spawn(times, 3).result(30))",
    "from dataclasses import dataclass\n@dataclass\nclass Point:\n    x: int",
    "print(pool.spawn(lambda point: Point(point.x + 1), Point(1)).result(30))",
    "print(pool.par_iter(range(5)).map(times).collect())",
    "pool.spawn(print, 'from a worker').result(30)\npool.close()",
)
NOTEBOOK = f"""
    import nbclient, nbformat
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in {CELLS!r}])
    nbclient.NotebookClient(book, timeout=60, kernel_name="python3").execute()
    for cell in book.cells:
        for output in cell.outputs:
            print(output.get("text", output), end="")
"""


def test_a_notebook(tmp_path: Path) -> None:
    """With Jupyter's own kernel: functions of cells cross as they are then; what workers print comes to the cell."""
    needs("ipykernel")
    needs("nbclient")
    result = run([written(NOTEBOOK, tmp_path)], variables={**path_with(), "IPYTHONDIR": str(tmp_path)}, timeout=90)
    printed = "(2, 4)\n30\nPoint(x=2)\n[0, 10, 20, 30, 40]\nfrom a worker\n"
    assert (result.returncode, result.stdout) == (0, printed), result.stderr
