"""A small linter over a source tree: each file is parsed and checked in whichever interpreter is free.

Look at `flat_map`: a file gives any number of findings, and they come home in the order of the files. With `--stream`
they are printed as they come, and the first ones appear at once.
"""

import argparse
import ast
import sysconfig
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import subpool

LEFT_OUT = {"site-packages", "test", "tests"}
LONG = 80
"""Lines of a function beyond which it is called long."""


class Finding(NamedTuple):
    """Something in a file that deserves a look."""

    path: str
    line: int
    rule: str
    what: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}: {self.what}"


def check(path: Path) -> list[Finding]:
    """Everything found in one file."""
    try:
        tree = ast.parse(path.read_bytes(), str(path))
    except (SyntaxError, ValueError) as error:
        return [Finding(str(path), getattr(error, "lineno", None) or 0, "does not parse", str(error))]
    return sorted(Finding(str(path), *found) for found in [*imports(tree), *inner(tree)])


def imports(tree: ast.Module) -> Iterator[tuple[int, str, str]]:
    """Names that are imported at the top and used nowhere."""
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    exported = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom) and getattr(node, "module", "") != "__future__":
            for alias in node.names:
                name = (alias.asname or alias.name).split(".")[0]
                if name not in used and name not in exported and name != "*":
                    yield node.lineno, "unused import", name


def inner(tree: ast.Module) -> Iterator[tuple[int, str, str]]:
    """What is found inside of functions and handlers."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler) and node.type is None:
            yield node.lineno, "bare except", "catches everything, Ctrl-C included"
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if any(isinstance(default, ast.List | ast.Dict | ast.Set) for default in node.args.defaults):
                yield node.lineno, "mutable default", node.name
            if (node.end_lineno or 0) - node.lineno > LONG:
                yield node.lineno, "long function", node.name


def main() -> None:
    parser = argparse.ArgumentParser(description="Check the Python files under a folder.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(sysconfig.get_path("stdlib")))
    parser.add_argument("--stream", action="store_true", help="print every finding as it comes")
    parser.add_argument("--quick", action="store_true", help="only the first 40 files")
    options = parser.parse_args()
    found = sorted(path for path in options.folder.rglob("*.py") if not LEFT_OUT & set(path.parts))
    files = found[: 40 if options.quick else None]
    subpool.join(int, int)  # starts the workers
    if options.stream:
        for finding in subpool.par_iter(files).flat_map(check).stream():
            print(finding)
        return

    begun = time.perf_counter()
    alone = [finding for path in files for finding in check(path)]
    between = time.perf_counter()
    together = subpool.par_iter(files).flat_map(check).collect()
    ended = time.perf_counter()
    print(f"{len(files)} files: one after the other {between - begun:.2f} s, par_iter {ended - between:.2f} s")
    print(f"{len(together)} findings, the same in the same order: {alone == together}")
    for rule, times in Counter(finding.rule for finding in together).most_common():
        print(f"{times:6} {rule}")


if __name__ == "__main__":
    main()
