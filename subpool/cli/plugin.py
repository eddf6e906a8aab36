"""`subpool plugin`: begin one, check it, call it, and see what a folder of them holds."""

import argparse
from collections.abc import Mapping
from typing import Protocol

from subpool.cli.plugins import check, listing, new, run as run_one

SUMMARY = "Begin, check, call and list plugins for sandboxes."


class Action(Protocol):
    """What the module of an action offers."""

    @property
    def SUMMARY(self) -> str:  # noqa: N802 - a constant of the module
        """One line for the list of actions."""
        ...

    def add_arguments(self, parser: argparse.ArgumentParser, /) -> None:
        """Declare what it takes."""
        ...

    def run(self, arguments: argparse.Namespace, /) -> int:
        """Do it, and return the exit status."""
        ...


ACTIONS: Mapping[str, Action] = {"new": new, "check": check, "run": run_one, "list": listing}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions, each with a parser of its own."""
    subparsers = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, action in ACTIONS.items():
        action.add_arguments(subparsers.add_parser(name, help=action.SUMMARY, description=action.SUMMARY))


def run(arguments: argparse.Namespace) -> int:
    """Do what the action's name says."""
    return ACTIONS[arguments.action].run(arguments)
