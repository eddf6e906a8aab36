"""Renders Markdown by mistune 3.0.2, in which nothing is called as it was in 0.8."""

import mistune

from subpool.plugin import export


@export
def render(text: str) -> str:
    """The text as HTML."""
    return str(mistune.html(text))


@export
def engine() -> str:
    """What renders it."""
    return f"mistune {mistune.__version__}"
