"""`subpool doctor`: which modules load in a subinterpreter, and which extension module is to blame for the others."""

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence

from subpool import doctor
from subpool.cli import options
from subpool.cli.table import Table
from subpool.doctor import Finding

SUMMARY = "Find out which modules load in a subinterpreter, and which extension modules refuse."

ALL_LOAD, SOME_REFUSE, NOTHING_TO_DO = 0, 1, 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the doctor takes."""
    parser.add_argument(
        "names",
        nargs="+",
        metavar="NAME",
        help="a module, a distribution, a requirements file (….txt), or a project folder (./, or its pyproject.toml)",
    )
    parser.add_argument(
        "--timeout",
        type=options.positive,
        default=60,
        metavar="S",
        help="seconds that an import may take (default: 60)",
    )
    options.add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Examine, print, and return 0; 1 if something does not load, 2 if there is nothing to examine."""
    try:
        found = doctor.check(*arguments.names, timeout=arguments.timeout)
    except (OSError, ValueError) as error:
        print(f"subpool doctor: {error}", file=sys.stderr)
        return NOTHING_TO_DO
    if arguments.json:
        print(json.dumps([dataclasses.asdict(finding) for finding in found], indent=2))
    else:
        show(found)
    return ALL_LOAD if all(finding.loads for finding in found) else SOME_REFUSE


def show(found: Sequence[Finding]) -> None:
    """Print the findings for people."""
    version = ".".join(map(str, sys.version_info[:3]))
    rows = [
        (
            finding.name,
            finding.version or "",
            "yes" if finding.loads else "NO",
            "" if finding.seconds is None else f"{finding.seconds:.2f}",
            "" if finding.megabytes is None else f"{finding.megabytes:.1f}",
            finding.reason or "",
        )
        for finding in found
    ]
    columns = ("", "version", "loads", "seconds", "MB", "why")
    Table(f"In a subinterpreter of Python {version}", columns, rows, texts=(0, 5)).show()
