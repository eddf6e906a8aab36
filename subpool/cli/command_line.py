"""Which commands there are, and how a line of arguments reaches one of them.

A command is a module with the members of `Command`. It is listed in `COMMANDS` and nowhere else.
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Protocol, override

from subpool.cli import demo, doctor, plugin

INTERRUPTED = 130  # what shells report for a program that Ctrl-C ended
CUT_OFF = 141  # the same, for one whose output nobody wants any more


class Command(Protocol):
    """What a command's module offers."""

    @property
    def SUMMARY(self) -> str:  # noqa: N802 - a constant of the module
        """One line for the list of commands."""
        ...

    def add_arguments(self, parser: argparse.ArgumentParser, /) -> None:
        """Declare what the command takes."""
        ...

    def run(self, arguments: argparse.Namespace, /) -> int:
        """Do it, and return the exit status."""
        ...


COMMANDS: Mapping[str, Command] = {"demo": demo, "doctor": doctor, "plugin": plugin}


def run(argv: Sequence[str] | None = None) -> int:
    """Parse `argv` and run its command. Wrong arguments, `--help` and `--version` leave by `SystemExit`."""
    arguments = build_parser().parse_args(argv)
    command = COMMANDS[arguments.command]
    try:
        status = command.run(arguments)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # `subpool demo | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else the flush at exit complains once more
        return CUT_OFF


def build_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line, one sub-parser for each command."""
    parser = argparse.ArgumentParser(
        prog="subpool", description="A work-stealing fork-join pool over Python's subinterpreters."
    )
    parser.add_argument("--version", action=ShowVersion, nargs=0, help="print the version, and leave")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, command in COMMANDS.items():
        command.add_arguments(subparsers.add_parser(name, help=command.SUMMARY, description=command.SUMMARY))
    return parser


class ShowVersion(argparse.Action):
    """Looks the version up only when it is asked for: that takes longer than all the rest of this module."""

    @override
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        try:
            print("subpool", version("subpool"))
        except PackageNotFoundError:
            print("subpool, run from a folder where it was not installed")
        parser.exit()
