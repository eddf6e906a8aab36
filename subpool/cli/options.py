"""What several commands' arguments have in common."""

import argparse


def count(text: str) -> int:
    """A whole number, zero or more."""
    return _whole_number(text, least=0)


def positive(text: str) -> int:
    """A whole number, one or more."""
    return _whole_number(text, least=1)


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add `--json`, which every command that reports takes."""
    parser.add_argument("--json", action="store_true", help="print the report as one JSON object, and nothing else")


def _whole_number(text: str, *, least: int) -> int:
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if number < least:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {least}")
    return number
