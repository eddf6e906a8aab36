"""What a plugin says while it works, on standard error: its log as lines, its progress as a bar below them."""

import logging
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import override

from subpool.cli.plugins.text import on_one_line, printable
from subpool.cli.progress import Bar, make_bar
from subpool.sandbox.hearing import Report

PARTS = 100
"""Into so many the bar is divided."""


class Speaker(logging.Handler):
    """Takes log records and reports, on the thread that waits for the call."""

    def __init__(self) -> None:
        super().__init__()
        self._bar: Bar | None = None
        self._wanted = sys.stderr.isatty()
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))

    def report(self, report: Report) -> None:
        """Show how far the call has come, if anybody looks."""
        if not self._wanted:
            return
        if self._bar is None:
            self._bar = make_bar(report.plugin, PARTS, sys.stderr)
        done = round(PARTS * min(1.0, max(0.0, report.fraction)))
        self._bar.show(done, on_one_line(f"{report.plugin}: {report.message}") if report.message else None)

    @override
    def emit(self, record: logging.LogRecord) -> None:
        line = printable(self.format(record))
        if self._bar is None:
            print(line, file=sys.stderr)
        else:
            self._bar.say(line)

    def stop(self) -> None:
        """Leave no trace of the bar."""
        if self._bar is not None:
            self._bar.remove()
            self._bar = None


@contextmanager
def speaking() -> Generator[Speaker]:
    """Hear what plugins say, for as long as the block runs."""
    logger = logging.getLogger("subpool.sandbox")
    speaker = Speaker()
    before = logger.level, logger.propagate
    logger.addHandler(speaker)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield speaker
    finally:
        speaker.stop()
        logger.removeHandler(speaker)
        logger.propagate = before[1]
        logger.setLevel(before[0])
