"""Stands in for mistune 0.8.4 where no package index can be reached: headings, emphasis and paragraphs."""

import html
import re

__version__ = "0.8.4 (a stand-in)"


def markdown(text: str) -> str:
    """The text as HTML."""
    return "".join(_block(block.strip()) for block in re.split(r"\n\s*\n", text) if block.strip())


def _block(block: str) -> str:
    inner = re.sub(r"\*(.+?)\*", r"<em>\1</em>", html.escape(block, quote=False))
    heading = re.match(r"(#+) (.*)", inner)
    if heading:
        return f"<h{len(heading[1])}>{heading[2]}</h{len(heading[1])}>\n"
    return f"<p>{inner}</p>\n"
