"""What a plugin's own code may import: `export`, `report` and `stopping`. The standard library alone, and little of it.

Example::

    from subpool.plugin import export, report


    @export
    def thumbnail(path: str, width: int = 200) -> bytes:
        report(0.5, "halfway")
        return b"..."

Outside of a sandbox, in the plugin's own tests say, `export` marks and `report` does nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["export", "report", "stopping"]

EXPORTED = "__subpool_export__"
"""Attribute of a function that is exported: the name under which the host calls it."""


class _Host:
    """What the guest's loop puts here."""

    def __init__(self) -> None:
        self.report: Callable[[float, str], object] | None = None
        self.stopping: Callable[[], bool] | None = None


_host = _Host()


@overload
def export[F: Callable[..., Any]](function: F, /) -> F: ...
@overload
def export[F: Callable[..., Any]](*, name: str | None = None) -> Callable[[F], F]: ...
def export(function: Any = None, /, *, name: str | None = None) -> Any:
    """Let the host call this function. A plugin that exports none offers every public function of its module.

    Args:
        function: the function, where this is used without parentheses.
        name: what the host calls it; its own name by default.
    """

    def mark(marked: Any) -> Any:
        setattr(marked, EXPORTED, name or marked.__name__)
        return marked

    return mark if function is None else mark(function)


def report(fraction: float, message: str = "") -> None:
    """Tell the host how far the call has come.

    Args:
        fraction: from 0 to 1.
        message: for people.
    """
    if _host.report is not None:
        _host.report(float(fraction), str(message))


def stopping() -> bool:
    """Whether the host wants the call to end: for long-running code that wants to leave in its own way."""
    return _host.stopping is not None and _host.stopping()
