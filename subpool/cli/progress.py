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
from typing import Protocol, TextIO

WIDTH = 40  # characters of the plain bar
INTERVAL = 0.1  # seconds between two paintings; the painter's time is taken from the work that it shows


class Bar(Protocol):
    """Something on the terminal that shows how far the work is."""

    def show(self, done: int, title: str | None = None) -> None:
        """Paint it anew, under this title from now on if there is one."""
        ...

    def say(self, line: str) -> None:
        """Print a line above it."""
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
    painter = threading.Thread(
        target=_paint, args=(reader, make_bar(title, total, sys.stdout)), name="subpool-progress"
    )
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


def make_bar(title: str, total: int, stream: TextIO) -> Bar:
    """A bar on this terminal: rich's where rich is installed."""
    try:
        return RichBar(title, total, stream)
    except ImportError:
        return PlainBar(title, total, stream)


class PlainBar:
    """A line of text that is written over again and again."""

    def __init__(self, title: str, total: int, stream: TextIO) -> None:
        self._title, self._total, self._stream, self._line = title, total, stream, ""

    def show(self, done: int, title: str | None = None) -> None:
        """Paint it anew, under this title from now on if there is one."""
        self._title = self._title if title is None else title
        filled = WIDTH * done // self._total if self._total else WIDTH
        line = f"{self._title} [{'#' * filled:{WIDTH}}] {done}/{self._total}"
        self._write(line.ljust(len(self._line)))
        self._line = line

    def say(self, line: str) -> None:
        """Print a line above it."""
        self._write(line.ljust(len(self._line)) + "\n")
        self._write(self._line)

    def remove(self) -> None:
        """Leave no trace of it."""
        self._write(" " * len(self._line))
        self._write("")
        self._line = ""

    def _write(self, line: str) -> None:
        self._stream.write(f"\r{line}")
        self._stream.flush()


class RichBar:
    """One of rich's bars, painted only when it is told to, by no thread of its own."""

    def __init__(self, title: str, total: int, stream: TextIO) -> None:
        from rich.console import Console
        from rich.markup import escape
        from rich.progress import Progress

        self._escape = escape  # a title is no markup
        self._progress = Progress(console=Console(file=stream), auto_refresh=False, transient=True)
        self._task = self._progress.add_task(escape(title), total=total)
        self._progress.start()

    def show(self, done: int, title: str | None = None) -> None:
        """Paint it anew, under this title from now on if there is one."""
        if title is not None:
            self._progress.update(self._task, description=self._escape(title))
        self._progress.update(self._task, completed=done, refresh=True)

    def say(self, line: str) -> None:
        """Print a line above it."""
        self._progress.console.print(line, markup=False, highlight=False)

    def remove(self) -> None:
        """Leave no trace of it."""
        self._progress.stop()
