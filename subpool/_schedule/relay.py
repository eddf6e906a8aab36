"""What a worker prints, logs and warns of, on its way to the host's own streams, handlers and filters.

A message is a tuple of builtins on a queue: the kind, and what that takes. The host's delivery thread receives it.
Nothing is paid by a worker that does none of it: `logging` is hooked when it is first imported.
"""

from __future__ import annotations

import io
import sys
import warnings
from importlib.machinery import ModuleSpec
from threading import RLock
from typing import TYPE_CHECKING, Any, Final, TextIO

from subpool._wire.doorbell import ring
from subpool._wire.interpreters import put
from subpool._wire.payload import read, write

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    from subpool._schedule.settings import WorkerSettings

__all__ = ["Streams", "install", "receive"]

PRINT: Final = 0
LOG: Final = 1
WARN: Final = 2


class LineStream(io.TextIOBase):
    """A text stream that sends whole lines; what is left of one goes out when the task ends or `flush` is called."""

    def __init__(self, sender: Sender, name: str) -> None:
        self._sender = sender
        self._target = name
        self._rest: list[str] = []
        self._lock = RLock()

    name = "<subpool worker>"
    encoding = "utf-8"
    errors = "replace"

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, text: str) -> int:
        """Take text; send it up to its last line end."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        with self._lock:
            head, newline, tail = text.rpartition("\n")
            if newline:
                whole = "".join(self._rest) + head + "\n"
                self._rest = [tail] if tail else []
                self._sender.send(PRINT, self._target, whole)
            elif text:
                self._rest.append(text)
        return len(text)

    def flush(self) -> None:
        """Send what is left of a line."""
        with self._lock:
            if self._rest:
                rest, self._rest = "".join(self._rest), []
                self._sender.send(PRINT, self._target, rest)


class Sender:
    """Puts messages on the host's queue, and rings its delivery thread."""

    def __init__(self, queue: int, bell: int) -> None:
        self._queue = queue
        self._bell = bell

    def send(self, kind: int, *content: Any) -> None:
        """Send a message of builtins."""
        put(self._queue, (kind, *content))
        ring(self._bell)


class Streams:
    """What `install` put in place."""

    def __init__(self, out: LineStream, err: LineStream) -> None:
        self._streams = (out, err)

    def flush(self) -> None:
        """Send what is left of lines."""
        for stream in self._streams:
            stream.flush()


def install(settings: WorkerSettings, _thread: int) -> Streams:
    """Send this interpreter's output, warnings and log records to the host."""
    sender = Sender(settings.relay, settings.relay_bell)
    out, err = LineStream(sender, "stdout"), LineStream(sender, "stderr")
    sys.stdout, sys.stderr = out, err
    _hook_warnings(sender)
    if "logging" in sys.modules:
        _hook_logging(sys.modules["logging"], sender)
    else:
        sys.meta_path.insert(0, _LoggingFinder(sender))
    return Streams(out, err)


# -- warnings ------------------------------------------------------------------------------------------------------


def _hook_warnings(sender: Sender) -> None:
    """Every warning crosses, and the host's filters decide; one that is an error there is an error here as well."""

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        try:
            data = write((message, category))
        except Exception:  # noqa: BLE001 - a warning that cannot cross arrives as its text
            data = write((str(message), UserWarning))
        sender.send(WARN, data, filename, lineno)

    warnings.showwarning = show
    errors = [entry for entry in warnings.filters if entry[0] == "error"]
    warnings.resetwarnings()
    warnings.simplefilter("always")
    for _action, _text, category, _module, lineno in reversed(errors):
        warnings.simplefilter("error", category, lineno)


# -- logging -------------------------------------------------------------------------------------------------------


class _LoggingFinder:
    """Hooks `logging` when it is first imported, and gets out of the way."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: object = None) -> ModuleSpec | None:
        """Find `logging` as the others do, with a loader that hooks it afterwards."""
        if name != "logging":
            return None
        from importlib.util import find_spec

        sys.meta_path.remove(self)
        spec = find_spec(name)
        if spec is not None and spec.loader is not None:
            loader: Any = spec.loader
            execute = loader.exec_module

            def exec_module(module: ModuleType) -> None:
                execute(module)
                _hook_logging(module, self._sender)

            loader.exec_module = exec_module
        return spec


def _hook_logging(logging: Any, sender: Sender) -> None:
    class RelayHandler(logging.Handler):  # type: ignore[misc]
        """Sends records to the host, which decides what becomes of them."""

        def emit(self, record: Any) -> None:
            try:
                sender.send(LOG, _written_record(record))
            except Exception:  # noqa: BLE001 - as every handler does
                self.handleError(record)

    logging.root.addHandler(RelayHandler())
    logging.root.setLevel(1)


def _written_record(record: Any) -> bytes:
    """A record's attributes, with the message formatted and the exception as text, as `QueueHandler` does it."""
    attributes = dict(record.__dict__)
    attributes["msg"] = record.getMessage()
    attributes["args"] = None
    if record.exc_info:
        import traceback

        attributes["exc_text"] = record.exc_text or "".join(traceback.format_exception(*record.exc_info)).rstrip("\n")
    attributes["exc_info"] = None
    try:
        return write(attributes)
    except Exception:  # noqa: BLE001 - an extra that cannot cross arrives as its repr
        plain = (str, int, float, bool, type(None))
        return write({key: value if isinstance(value, plain) else repr(value) for key, value in attributes.items()})


_registries: dict[str, dict[Any, Any]] = {}

# -- the host's end ------------------------------------------------------------------------------------------------


def receive(message: tuple[Any, ...]) -> None:
    """Do in the host what a worker asked for."""
    kind, *content = message
    if kind == PRINT:
        name, text = content
        stream = getattr(sys, name)
        if stream is not None:
            stream.write(text)
            stream.flush()
    elif kind == LOG:
        import logging

        record = logging.makeLogRecord(read(content[0]))
        logger = logging.getLogger(record.name)
        if logger.isEnabledFor(record.levelno):
            logger.handle(record)
    else:
        data, filename, lineno = content
        text, category = read(data)
        registry = _registries.setdefault(filename, {})  # as the module's own would be: "once" and "default" need it
        warnings.warn_explicit(text, category, filename, lineno, registry=registry)
