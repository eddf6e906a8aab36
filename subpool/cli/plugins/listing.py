"""`subpool plugin list`: the plugins of a folder, what they offer, and what is wrong with them."""

import argparse
import json
import sys
from typing import TypedDict

from subpool.cli import options
from subpool.cli.plugins import given
from subpool.cli.plugins.text import on_one_line, printable
from subpool.cli.table import Table
from subpool.errors import PluginError
from subpool.sandbox.host import PluginEntry, SandboxHost

SUMMARY = "List the plugins of a folder: name, version, functions, and what is wrong."

LISTED, NO_FOLDER = 0, 1


class Listed(TypedDict):
    """One plugin, as `--json` prints it."""

    name: str
    version: str
    path: str
    functions: list[str]
    loads: bool
    problem: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare which folder, and how."""
    parser.add_argument("folder", metavar="FOLDER", help="the folder in which the plugins lie")
    given.add_isolation(parser)
    given.add_grant(parser)
    options.add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Load each plugin, print, and return 0; 1 if there is no such folder."""
    try:
        host = SandboxHost(arguments.folder, policy=given.decision(arguments.grant), isolation=arguments.isolation)
    except OSError as error:
        print(f"subpool plugin list: {error}", file=sys.stderr)
        return NO_FOLDER
    with host:
        found = [describe(host, entry) for entry in host.plugins()]
    if arguments.json:
        print(printable(json.dumps(found, indent=2, ensure_ascii=False)))
    else:
        show(arguments.folder, found)
    return LISTED


def describe(host: SandboxHost, entry: PluginEntry) -> Listed:
    """Load a plugin, and tell what it offers."""
    functions: list[str] = []
    problem = entry.error
    if not problem:
        try:
            functions = [str(each) for each in host[entry.name].functions()]
        except PluginError as error:
            problem = error.message if not error.type_name else f"{error.type_name}: {error.message}"
    return Listed(
        name=entry.name,
        version=entry.version,
        path=str(entry.path),
        functions=functions,
        loads=not problem,
        problem=problem,
    )


def show(folder: str, found: list[Listed]) -> None:
    """Print it for people: one line for each function."""
    if not found:
        print(f"no plugins in {folder}")
        return
    rows: list[tuple[str, str, str, str]] = []
    for each in found:
        first, *others = each["functions"] or [""]
        rows.append((each["name"], each["version"], on_one_line(first), on_one_line(each["problem"]) or "loads"))
        rows += [("", "", on_one_line(other), "") for other in others]
    Table(f"Plugins in {folder}", ("name", "version", "functions", "state"), rows, texts=(0, 1, 2, 3)).show()
