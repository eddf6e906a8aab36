"""A progress bar that every interpreter of this process can move on.

Whoever finishes an item writes a byte to a pipe, with no lock and no help from the host's interpreter; a thread of the
host reads the other end and paints. The bar is one of rich's where rich is installed, else a line of text.
"""

import os
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Protocol

WIDTH = 40  # characters of the plain bar
INTERVAL = 0.1  # seconds between two paintings; the painter's time is taken from the work that it shows


class Bar(Protocol):
    """Something on the terminal that shows how far the work is."""

    def show(self, done: int) -> None:
        """Paint it anew."""
        ...

    def remove(self) -> None:
        """Leave no trace of it."""
        ...


@contextmanager
def progress(title: str, total: int, *, wanted: bool = True) -> Generator[int | None]:
    """Show a bar, on a terminal, while the block runs. Yields the descriptor to write a byte to for each item done.

    None where there is no bar. Nobody may write to the descriptor after the block.
    """
    if not wanted or not sys.stdout.isatty():
        yield None
        return
    reader, writer = os.pipe()
    painter = threading.Thread(target=_paint, args=(reader, _make_bar(title, total)), name="subpool-progress")
    painter.start()
    try:
        yield writer
    finally:
        os.close(writer)
        painter.join()
        os.close(reader)


def _paint(reader: int, bar: Bar) -> None:
    done, painted = 0, float("-inf")
    bar.show(done)
    while ticks := os.read(reader, 4096):
        done += len(ticks)
        if time.monotonic() - painted >= INTERVAL:
            bar.show(done)
            painted = time.monotonic()
    bar.remove()


def _make_bar(title: str, total: int) -> Bar:
    try:
        return RichBar(title, total)
    except ImportError:
        return PlainBar(title, total)


class PlainBar:
    """A line of text that is written over again and again."""

    def __init__(self, title: str, total: int) -> None:
        self._title, self._total, self._length = title, total, 0

    def show(self, done: int) -> None:
        """Paint it anew."""
        filled = WIDTH * done // self._total if self._total else WIDTH
        line = f"{self._title} [{'#' * filled:{WIDTH}}] {done}/{self._total}"
        self._write(line.ljust(self._length))
        self._length = len(line)

    def remove(self) -> None:
        """Leave no trace of it."""
        self._write(" " * self._length)
        self._write("")

    @staticmethod
    def _write(line: str) -> None:
        sys.stdout.write(f"\r{line}")
        sys.stdout.flush()


class RichBar:
    """One of rich's bars, painted only when it is told to, by no thread of its own."""

    def __init__(self, title: str, total: int) -> None:
        from rich.progress import Progress

        self._progress = Progress(auto_refresh=False, transient=True)
        self._task = self._progress.add_task(title, total=total)
        self._progress.start()

    def show(self, done: int) -> None:
        """Paint it anew."""
        self._progress.update(self._task, completed=done, refresh=True)

    def remove(self) -> None:
        """Leave no trace of it."""
        self._progress.stop()
