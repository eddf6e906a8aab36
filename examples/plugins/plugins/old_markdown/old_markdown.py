"""Renders Markdown by mistune 0.8.4, which this plugin was written for, and brings along."""

import mistune

from subpool.plugin import export


@export
def render(text: str) -> str:
    """The text as HTML."""
    return str(mistune.markdown(text))


@export
def engine() -> str:
    """What renders it."""
    return f"mistune {mistune.__version__}"
