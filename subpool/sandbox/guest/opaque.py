"""Functions that a plugin may come across, and that lead it nowhere.

A function in Python shows what it works with: its cells, its defaults, its globals, and its frames in every traceback.
One that is wrapped here can be called, and shows nothing: it is an object in C, without cells, and without attributes.
"""

from __future__ import annotations

import builtins
from _functools import _lru_cache_wrapper  # type: ignore[import-not-found, unused-ignore]
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["builtins_at_the_start", "opaque"]

builtins_at_the_start: Final[dict[str, Any]] = dict(vars(builtins))
"""The built-in functions as they are before a plugin can replace any. A module that imports them as `__builtins__`, and
first of all, uses these.
"""


def opaque[F: Callable[..., Any]](function: F) -> F:
    """The same function, of which nobody sees what is inside. It must let no exception out, whose traceback would."""
    return cast("F", _lru_cache_wrapper(function, 0, False, None))  # a cache of size 0 calls the function each time
