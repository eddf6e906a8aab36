"""The programs that documents contain.

The Python blocks of one page, in order, are one program: what an earlier block defines, a later one uses. It is run as
a file, from which everything else was blanked out, so that a traceback's line numbers are those of the page.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from sources import REPOSITORY

PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
#: On the line before a block that is not meant to be run, with the reason.
NOT_RUN = re.compile(r"^\s*<!-- not run: .+ -->\s*$")
_OPENING = re.compile(r"^(?P<indent>\s*)(?P<fence>```+|~~~+)\s*(?P<language>[^\s`]*)[^`]*$")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its lines, and the number of the first of them, counted from 0."""

    language: str
    lines: tuple[str, ...]
    start: int
    is_run: bool

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


def blocks(text: str) -> list[Block]:
    """The fenced blocks of a page."""
    found: list[Block] = []
    lines = text.splitlines()
    number = 0
    while number < len(lines):
        if opening := _OPENING.match(lines[number]):
            start = number + 1
            indent, fence = opening["indent"], opening["fence"]
            number = next(at for at in range(start, len(lines)) if lines[at].strip() == fence)
            inner = tuple(line.removeprefix(indent) for line in lines[start:number])
            is_run = start < 2 or not NOT_RUN.match(lines[start - 2])
            found.append(Block(opening["language"], inner, start, is_run))
        number += 1
    return found


def program(text: str) -> str:
    """The page as one Python program; empty if it has none."""
    lines = [""] * len(text.splitlines())
    for block in blocks(text):
        if block.language == "python" and block.is_run:
            lines[block.start : block.start + len(block.lines)] = block.lines
    return "\n".join(lines) + "\n" if any(lines) else ""


def command(name: str, readme: Path = REPOSITORY / "README.md") -> str:
    """The command of README.md that stands under the mark ``<!-- command: name -->``."""
    text = readme.read_text(encoding="utf-8")
    _, mark, rest = text.partition(f"<!-- command: {name} -->\n")
    if not mark:
        raise LookupError(f"README.md has no command {name!r}")
    return blocks(rest)[0].text
