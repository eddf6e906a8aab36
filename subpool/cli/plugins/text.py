"""Text of a plugin's, for a terminal: nothing in it may move the cursor or change what stands there."""

import json

__all__ = ["on_one_line", "printable"]


def printable(text: str) -> str:
    r"""The text, with what does not print escaped as JSON does it, which JSON may be written by, too.

    Example::

        >>> printable("red: \x1b[31m, a bell: \x07, é")
        'red: \\u001b[31m, a bell: \\u0007, é'
    """
    return "".join(each if each.isprintable() or each in "\n\t" else json.dumps(each)[1:-1] for each in text)


def on_one_line(text: str) -> str:
    """The same, with its lines in one."""
    return printable(" ".join(text.split()))
