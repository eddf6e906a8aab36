"""What a guest says while it works, and what becomes of it here: reports, log records, refusals."""

from __future__ import annotations

import logging
from threading import Lock
from typing import TYPE_CHECKING

import msgspec

from subpool.sandbox.link import Say

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Hearing", "Report"]

log: logging.Logger = logging.getLogger("subpool.sandbox")


class Report(msgspec.Struct, frozen=True):
    """How far a call has come, as the plugin told by `subpool.plugin.report`.

    Attributes:
        fraction: from 0 to 1.
        message: for people.
        plugin: the plugin's name.
    """

    fraction: float
    message: str
    plugin: str = ""


class Record(msgspec.Struct):
    """A log record, or a line that was printed."""

    level: int
    message: str
    logger: str


class Denied(msgspec.Struct):
    """What the policy refused since the last time: how often, by event; and some of it in detail."""

    count: dict[str, int]
    told: list[tuple[str, str]]


class Hearing:
    """Takes what the guests of one plugin say."""

    def __init__(self, plugin: str, on_report: Callable[[Report], object] | None) -> None:
        self.denials: dict[str, int] = {}
        """How often the policy refused something, by event."""
        self._plugin = plugin
        self._on_report = on_report
        self._log = log.getChild(plugin)
        self._lock = Lock()
        self._reports = msgspec.json.Decoder(Report)
        self._records = msgspec.json.Decoder(Record)
        self._denied = msgspec.json.Decoder(Denied)

    def hear(self, kind: int, content: bytes, on_report: Callable[[Report], object] | None = None) -> None:
        """Take a frame. What makes no sense is logged: it must not disturb the call."""
        try:
            if kind == Say.REPORT:
                self._report(content, on_report or self._on_report)
            elif kind == Say.LOG:
                self._record(self._records.decode(content))
            elif kind == Say.DENIED:
                self._denial(self._denied.decode(content))
        except Exception:  # a callback of the host's own, or a guest that does not keep to the protocol
            log.exception("%s: what the plugin said could not be delivered", self._plugin)

    def _report(self, content: bytes, on_report: Callable[[Report], object] | None) -> None:
        if on_report is not None:
            on_report(msgspec.structs.replace(self._reports.decode(content), plugin=self._plugin))

    def _record(self, record: Record) -> None:
        logger = self._log.getChild(record.logger) if record.logger else self._log
        if logger.isEnabledFor(record.level):
            logger.log(record.level, "%s", record.message)

    def _denial(self, denied: Denied) -> None:
        with self._lock:
            for event, count in denied.count.items():
                self.denials[event] = self.denials.get(event, 0) + count
        for event, what in denied.told:
            log.warning("%s: refused %s(%s)", self._plugin, event, what)
        untold = sum(denied.count.values()) - len(denied.told)
        if untold > 0:
            log.warning("%s: refused %d more", self._plugin, untold)
