"""An exception of the plugin's, described. Nothing that runs here may fail because of what the plugin's classes do."""

from __future__ import annotations

from typing import Any, Final

from subpool.errors import PolicyViolation

__all__ = ["describe"]

HEAD: Final = 2000
"""Characters of a traceback that are kept from its beginning."""
TAIL: Final = 6000
"""Characters of a traceback that are kept from its end."""
NAME: Final = 200
"""Characters of a name that are kept."""
MESSAGE: Final = 10_000
"""Characters of a message that are kept."""


def describe(error: BaseException) -> dict[str, Any]:
    """Its type's name, its message and its traceback, as text."""
    return {
        "type_name": _name(type(error)).removeprefix("builtins."),
        "message": _message(error),
        "traceback_text": _shortened(_formatted(error)),
        "violation": isinstance(error, PolicyViolation),
    }


def _name(cls: type) -> str:
    try:
        return _unicode(f"{cls.__module__!s:.{NAME}}.{cls.__qualname__:.{NAME}}")
    except BaseException:  # noqa: BLE001
        return "<no name: it cannot be shown>"


def _message(error: BaseException) -> str:
    try:
        text = error.message if isinstance(error, PolicyViolation) else str(error)
        return _unicode(str.__getitem__(text, slice(MESSAGE)))
    except BaseException:  # noqa: BLE001
        return "<no message: its __str__ failed>"


def _formatted(error: BaseException) -> str:
    try:
        import traceback

        own = error.__traceback__
        while own is not None and own.tb_frame.f_globals.get("__name__", "").startswith("subpool.sandbox"):
            own = own.tb_next  # the loop's own frames tell the reader nothing
        return _unicode("".join(traceback.format_exception(type(error), error, own)))
    except BaseException:  # noqa: BLE001
        return "its traceback could not be formatted\n"


def _unicode(text: str) -> str:
    """Plain text that can be sent, whatever class it is of."""
    return str.encode(text, "utf-8", "backslashreplace").decode()


def _shortened(text: str) -> str:
    if len(text) <= HEAD + TAIL:
        return text
    head, tail = text[:HEAD].rpartition("\n")[0], text[-TAIL:].partition("\n")[2]
    return f"{head}\n  [... {len(text) - len(head) - len(tail)} characters left out ...]\n{tail}"
