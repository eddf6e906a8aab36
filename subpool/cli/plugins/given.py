"""What the actions that load plugins take alike: where they run, and what they may do."""

import argparse
import math
from collections.abc import Callable

from subpool.sandbox.manifest import Manifest
from subpool.sandbox.policy import Policy


def add_isolation(parser: argparse.ArgumentParser) -> None:
    """Add `--isolation`."""
    parser.add_argument(
        "--isolation",
        choices=("interpreter", "process"),
        default="interpreter",
        help="where the plugin runs: in an interpreter of this process (the default), or in a process of its own",
    )


def add_grant(parser: argparse.ArgumentParser) -> None:
    """Add `--grant`, without which a plugin may compute, and nothing else."""
    parser.add_argument("--grant", action="store_true", help="let it do what its manifest asks for")


def policy_for(grant: bool, manifest: Manifest | None) -> Policy:
    """What a plugin may do here."""
    return manifest.policy if grant and manifest is not None else Policy()


def decision(grant: bool) -> Callable[[str, Policy | None], Policy]:
    """The same for the plugins of a folder."""
    return lambda _, asked: asked if grant and asked is not None else Policy()


def seconds(text: str) -> float:
    """A positive number of seconds."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number of seconds")
    return number
