"""What a guest says of its own accord while it works: reports, log records, what it prints, what was refused."""

from __future__ import annotations

import io
import sys
from threading import RLock
from typing import TYPE_CHECKING, Any

from subpool.sandbox.guest.codec import write
from subpool.sandbox.link import Say

if TYPE_CHECKING:
    from subpool.sandbox.guest.denial import Denials
    from subpool.sandbox.link import Link

__all__ = ["Voice"]

LONGEST = 10_000
"""Characters of a message that are sent."""
INFO, WARNING = 20, 30


class Voice:
    """Sends frames, one thread at a time."""

    def __init__(self, link: Link, denials: Denials) -> None:
        self.number: int = 0
        """The call that runs."""
        self._link = link
        self._denials = denials
        self._lock = RLock()
        self._hooked = False

    def say(self, kind: int, content: bytes = b"") -> None:
        """Send a frame about the call that runs; first what was refused so far."""
        with self._lock:
            denied = self._denials.drain()
            if denied is not None:
                self._link.send(Say.DENIED, self.number, write(denied))
            self._link.send(kind, self.number, content)

    def report(self, fraction: float, message: str) -> None:
        """Say how far the call has come."""
        self.say(Say.REPORT, write({"fraction": fraction, "message": _text(message)}))

    def log(self, level: int, message: str, logger: str = "") -> None:
        """Send a log record."""
        self.say(Say.LOG, write({"level": level, "message": _text(message), "logger": logger}))

    def take_streams(self) -> None:
        """Have what is printed go to the host's log."""
        sys.stdout, sys.stderr = _Stream(self, INFO, "stdout"), _Stream(self, WARNING, "stderr")

    def flush(self) -> None:
        """Send what is left of lines; and look whether `logging` has been loaded."""
        for stream in (sys.stdout, sys.stderr):
            if type(stream) is _Stream:
                stream.flush()
        if not self._hooked and "logging" in sys.modules:
            self._hooked = True
            _hook_logging(sys.modules["logging"], self)


def _text(message: str) -> str:
    return str.encode(str.__getitem__(message, slice(LONGEST)), "utf-8", "backslashreplace").decode()


class _Stream(io.TextIOBase):
    """A text stream whose lines are log records."""

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, voice: Voice, level: int, name: str) -> None:
        self._voice = voice
        self._level = level
        self._target = name
        self._rest = ""

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, text: str) -> int:
        """Take text; send whole lines."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._voice.log(self._level, line, self._target)
        if len(self._rest) > LONGEST:
            self.flush()
        return len(text)

    def flush(self) -> None:
        """Send what is left of a line."""
        rest, self._rest = self._rest, ""
        if rest:
            self._voice.log(self._level, rest, self._target)


def _hook_logging(logging: Any, voice: Voice) -> None:
    class Relay(logging.Handler):  # type: ignore[misc]
        """Sends records to the host, which decides what becomes of them."""

        def emit(self, record: Any) -> None:
            try:
                voice.log(record.levelno, self.format(record), record.name)
            except Exception:  # noqa: BLE001 - as every handler does
                self.handleError(record)

    logging.root.addHandler(Relay())
    logging.root.setLevel(1)
