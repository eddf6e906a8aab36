"""Whether a path lies under a root, once links and dots are resolved.

The functions are bound here once, from the module in C, so that a plugin which replaces `os.path.realpath` or
`os.lstat` replaces nothing for its policy.
"""

from __future__ import annotations

from posix import getcwd, lstat, readlink
from typing import Any

__all__ = ["Roots", "resolved"]

LINK = 0o120000
KIND = 0o170000
MOST_LINKS = 40


def resolved(path: str, *, _lstat: Any = lstat, _readlink: Any = readlink, _getcwd: Any = getcwd) -> str:
    """The path with every link followed and every dot taken out; what does not exist is taken as it is named."""
    parts = (path if path.startswith("/") else f"{_getcwd()}/{path}").split("/")[::-1]
    done: list[str] = []
    links = 0
    while parts:
        part = parts.pop()
        if part in ("", "."):
            continue
        if part == "..":
            del done[-1:]
            continue
        here = "/" + "/".join([*done, part])
        try:
            is_link = _lstat(here).st_mode & KIND == LINK
        except (OSError, ValueError):
            is_link = False
        if not is_link:
            done.append(part)
            continue
        links += 1
        if links > MOST_LINKS:
            return here
        target = _readlink(here)
        if target.startswith("/"):
            done.clear()
        parts += target.split("/")[::-1]
    return "/" + "/".join(done)


class Roots:
    """Folders and files under which something is allowed, but for what lies under `without`."""

    __slots__ = ("_roots", "_without")

    def __init__(self, roots: Any, without: Any = ()) -> None:
        """Take resolved paths."""
        self._roots = tuple((root.rstrip("/") or "/", root.rstrip("/") + "/") for root in roots)
        self._without = tuple((root, root + "/") for root in without)

    def hold(self, path: str) -> bool:
        """Whether a resolved path lies under a root. The root itself does."""
        own = max((len(root) for root, below in self._roots if path == root or path.startswith(below)), default=-1)
        barred = max((len(root) for root, below in self._without if path == root or path.startswith(below)), default=-1)
        return own >= barred and own >= 0
