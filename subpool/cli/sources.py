"""Which files the demo reads: the standard library's own, the same on every run of one Python."""

import os
import sysconfig
import tokenize
from collections.abc import Iterator

PASSED_OVER = frozenset({"__pycache__", "dist-packages", "idle_test", "lib2to3", "site-packages", "test", "tests"})
"""Folders whose files are not the library's own, or are wrong on purpose."""


def standard_library_files(limit: int | None = None) -> list[str]:
    """Readable source files of the standard library, sorted by path; with a `limit`, spread evenly over all of them."""
    paths = [path for path in _source_files(sysconfig.get_path("stdlib")) if _is_readable(path)]
    if limit is None or limit >= len(paths):
        return paths
    return [paths[position * len(paths) // limit] for position in range(limit)]


def _source_files(folder: str) -> Iterator[str]:
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(set(folders) - PASSED_OVER)
        yield from (os.path.join(parent, file) for file in sorted(files) if file.endswith(".py"))


def _is_readable(path: str) -> bool:
    # Reading it whole also fills the system's file cache, so that the first pass timed isn't the only one to wait.
    try:
        with tokenize.open(path) as file:
            file.read()
    except (OSError, SyntaxError, UnicodeDecodeError):
        return False
    return True
