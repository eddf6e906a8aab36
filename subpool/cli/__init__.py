"""The command line: `subpool demo` and its siblings, each a module of its own.

Workers import `subpool.cli.analysis` and `subpool.cli.scenario`, and so this package: it imports nothing by itself.
"""

from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that `argv` (by default that of the process) names, and return its exit status."""
    from subpool.cli.command_line import run

    return run(argv)
