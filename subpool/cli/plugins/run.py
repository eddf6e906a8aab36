"""`subpool plugin run`: call one function of a plugin from the command line."""

import argparse
import json
import sys
from typing import Any

import msgspec

from subpool.cli.plugins import given
from subpool.cli.plugins.speaker import speaking
from subpool.cli.plugins.text import printable
from subpool.errors import PluginError, PolicyViolation
from subpool.sandbox.origin import find
from subpool.sandbox.sandbox import Sandbox

SUMMARY = "Call a function of a plugin, and print its result as JSON."

RETURNED, FAILED = 0, 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what to call, and how."""
    parser.usage = "%(prog)s [options] PATH FUNCTION [ARG ...]"
    parser.add_argument("path", metavar="PATH", help="a .py file, a package, or a folder with plugin.toml")
    parser.add_argument("function", metavar="FUNCTION", help="the function's name")
    parser.add_argument("args", metavar="ARG", nargs="*", help="an argument: JSON, or else plain text")
    given.add_isolation(parser)
    given.add_grant(parser)
    parser.add_argument("--timeout", type=given.seconds, metavar="S", help="seconds that the call may take")


def run(arguments: argparse.Namespace) -> int:
    """Call, print, and return 0; 1 if that failed."""
    try:
        result = call(arguments)
    except (PluginError, TimeoutError) as error:
        complain(error, granted=arguments.grant)
        return FAILED
    print(printable(json.dumps(result, indent=2, ensure_ascii=False)))
    return RETURNED


def call(arguments: argparse.Namespace) -> Any:
    """What the function returns; what it logs and reports is seen meanwhile, on standard error."""
    args = [parse(text) for text in arguments.args]
    manifest = find(arguments.path).manifest
    policy = given.policy_for(arguments.grant, manifest)
    with (
        speaking() as speaker,
        Sandbox(arguments.path, policy=policy, isolation=arguments.isolation, on_report=speaker.report) as box,
    ):
        result = box.call(arguments.function, *args, returns=Any, timeout=arguments.timeout)
    return msgspec.to_builtins(result, str_keys=True)


def parse(text: str) -> Any:
    """An argument: JSON, or the text as it stands where it is none.

    Example::

        >>> [parse(text) for text in ("3", "[1, 2]", '"3"', "three", "NaN")]
        [3, [1, 2], '3', 'three', 'NaN']
    """
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return text


def complain(error: PluginError | TimeoutError, *, granted: bool) -> None:
    """Say what went wrong, with the traceback in the plugin if its code was reached."""
    if isinstance(error, PluginError) and error.traceback_text:
        print(printable(error.traceback_text), end="", file=sys.stderr)
    print(printable(f"subpool plugin run: {error}"), file=sys.stderr)
    if isinstance(error, PolicyViolation) and not granted:
        print("with --grant it may do what its manifest asks for", file=sys.stderr)
