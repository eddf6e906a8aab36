"""Progress: how far a pipeline's work has come, on a bar where one is installed, or told to a function."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any, Final

__all__ = ["Meter", "Show"]

GAP: Final = 0.05
"""Seconds between two looks at the bar."""
PARTS: Final = 100
"""A half takes no more than this part of the whole along, so that the bar moves when it comes home."""

Show = Callable[[int, int | None], None]
"""Told how many items are done, and how many there are, if that is known."""


class Meter:
    """Counts what is done, in the caller's interpreter."""

    def __init__(self, total: int | None, show: Show, close: Callable[[], None] | None = None) -> None:
        self.total: int | None = total
        self.done: int = 0
        self.most: int | None = None if total is None else max(1, total // PARTS)
        """How many items a half may take along."""
        self._show = show
        self._close = close
        self._shown_at = 0.0

    def add(self, items: int) -> None:
        """So many more are done."""
        self.done += items
        now = monotonic()
        if now - self._shown_at >= GAP:
            self._shown_at = now
            self._show(self.done, self.total)

    def finish(self) -> None:
        """The work is over."""
        try:
            self._show(self.done, self.total)
        finally:
            if self._close is not None:
                self._close()


def meter(total: int | None, desc: str | None, hook: Show | None) -> Meter | None:
    """A meter for so many items: it tells the hook, else moves a bar of tqdm or rich, if one of them is there."""
    if hook is not None:
        return Meter(total, hook)
    return _tqdm(total, desc) or _rich(total, desc)


def _tqdm(total: int | None, desc: str | None) -> Meter | None:
    try:
        from tqdm.auto import tqdm  # type: ignore[import-untyped, import-not-found, unused-ignore]
    except ImportError:
        return None
    bar: Any = tqdm(total=total, desc=desc)

    def show(done: int, _total: int | None) -> None:
        bar.update(done - bar.n)

    return Meter(total, show, bar.close)


def _rich(total: int | None, desc: str | None) -> Meter | None:
    try:
        from rich.console import Console
        from rich.progress import Progress
    except ImportError:
        return None
    bar = Progress(console=Console(stderr=True))  # as tqdm: what the program prints is not mixed with it
    task = bar.add_task(desc or "", total=total)
    bar.start()

    def show(done: int, _total: int | None) -> None:
        bar.update(task, completed=done)

    return Meter(total, show, bar.stop)
