"""`subpool plugin check`: what is wrong with a plugin, found before anybody relies on it."""

import argparse
import json
import sys
from collections.abc import Iterator

import msgspec

from subpool.cli import options
from subpool.cli.plugins import given
from subpool.cli.plugins.problems import Problem, in_code, in_declarations, in_imports
from subpool.cli.plugins.text import printable
from subpool.errors import PluginError
from subpool.sandbox.boundary import Function
from subpool.sandbox.origin import Origin, find
from subpool.sandbox.sandbox import Sandbox
from subpool.sandbox.settings import Isolation

SUMMARY = "Check a plugin: its manifest, its types, its imports, and whether it loads with what it asks for."

SOUND, WRONG = 0, 1


class Finding(msgspec.Struct, frozen=True):
    """What came of the check of one plugin."""

    plugin: str
    problems: list[Problem]
    functions: list[str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare which plugin, and where it is to be loaded."""
    parser.add_argument("path", metavar="PATH", help="a .py file, a package, or a folder with plugin.toml")
    given.add_isolation(parser)
    options.add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Check, print, and return 0; 1 if something is wrong."""
    found = check(arguments.path, arguments.isolation)
    if arguments.json:
        print(printable(json.dumps(msgspec.to_builtins(found), indent=2, ensure_ascii=False)))
    else:
        show(found)
    return WRONG if found.problems else SOUND


def check(path: str, isolation: Isolation) -> Finding:
    """Check one plugin. Its code is loaded, by the policy that its manifest asks for; no function is called."""
    try:
        origin = find(path)
    except PluginError as error:
        return Finding(path, [Problem(error.message)], [])
    problems = list(in_code(origin))
    if problems:
        return Finding(origin.name, problems, [])
    problems += in_imports(origin, isolation)
    functions: list[str] = []
    if not problems:  # else it would say the same again
        problems += _load(path, origin, isolation, functions)
    return Finding(origin.name, problems, functions)


def _load(path: str, origin: Origin, isolation: Isolation, functions: list[str]) -> Iterator[Problem]:
    policy = given.policy_for(True, origin.manifest)
    with Sandbox(path, policy=policy, isolation=isolation) as box:
        try:
            functions += [str(each) for each in box.functions()]
        except PluginError as error:
            yield Problem.of_error(error, origin)
            return
        own: list[Function] = list((box._functions or {}).values())
        refused = box.stats().denials
    yield from in_declarations(origin, own)
    for event, count in refused.items():
        yield Problem(f"as it is loaded, it is refused {event} ({count} times): its manifest does not ask for that")


def show(found: Finding) -> None:
    """Print it for people: problems on standard error, each on a line that editors can jump to."""
    for problem in found.problems:
        print(printable(str(problem)), file=sys.stderr)
    if found.problems:
        count = len(found.problems)
        print(f"{printable(found.plugin)}: {count} problem{'s' if count > 1 else ''}")
        return
    print(f"{found.plugin}: nothing wrong; it offers")
    for function in found.functions or ["no function"]:
        print(printable(f"  {function}"))
