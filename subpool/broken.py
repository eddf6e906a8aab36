"""`BrokenPoolError`, apart from the other errors: its base costs an import that workers do without."""

from __future__ import annotations

from concurrent.futures import BrokenExecutor

from subpool.errors import SubpoolError

__all__ = ["BrokenPoolError"]


class BrokenPoolError(SubpoolError, BrokenExecutor):
    """The pool's workers cannot start: the initializer or a preloaded module failed in them."""
