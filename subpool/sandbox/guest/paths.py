"""Whether a path lies under a root, once links and dots are resolved.

The functions are bound here once, from the module in C, so that a plugin which replaces `os.path.realpath`, `os.lstat`
or a built-in function replaces nothing for its policy. There are functions here and no classes: a plugin finds every
class of its interpreter, and could replace its methods.
"""

# ruff: noqa: I001 - the built-in functions come first

from __future__ import annotations

from subpool.sandbox.guest.opaque import builtins_at_the_start as __builtins__  # type: ignore[no-redef]  # noqa: F401
from posix import getcwd, lstat, readlink
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["resolved", "under"]

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


def under(roots: Iterable[str], without: Iterable[str] = ()) -> Callable[[str], bool]:
    """What tells whether a resolved path lies under a root, or is one, but for what lies under `without`."""
    inside = tuple((root.rstrip("/") or "/", root.rstrip("/") + "/") for root in roots)
    outside = tuple((root, root + "/") for root in without)

    def hold(path: str) -> bool:
        own = max((len(root) for root, below in inside if path == root or path.startswith(below)), default=-1)
        barred = max((len(root) for root, below in outside if path == root or path.startswith(below)), default=-1)
        return own >= barred and own >= 0

    return hold
