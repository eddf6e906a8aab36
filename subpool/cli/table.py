"""Tables for people: rich's on a terminal where rich is installed, else aligned text."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Table:
    """A title and rows of text under columns, which are aligned to the right, but for those that hold texts."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    texts: Sequence[int] = (0,)

    def plain(self) -> str:
        """The table as lines of text."""
        cells = [self.columns, *self.rows]
        widths = [max(len(row[column]) for row in cells) for column in range(len(self.columns))]
        lines = [self._aligned(row, widths) for row in cells]
        rule = "  ".join("-" * width for width in widths)
        return "\n".join([self.title, lines[0], rule, *lines[1:]])

    def show(self) -> None:
        """Print it, and an empty line after it."""
        if not (sys.stdout.isatty() and _show_richly(self)):
            print(self.plain())
        print()

    def _aligned(self, row: Sequence[str], widths: Sequence[int]) -> str:
        cells = (
            cell.ljust(width) if column in self.texts else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        return "  ".join(cells).rstrip()


def _show_richly(table: Table) -> bool:
    try:
        from rich import box, console, table as rich_table
    except ImportError:
        return False
    richer = rich_table.Table(title=table.title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for position, column in enumerate(table.columns):
        richer.add_column(column, justify="left" if position in table.texts else "right")
    for row in table.rows:
        richer.add_row(*row)
    console.Console(markup=False, highlight=False).print(richer)
    return True
