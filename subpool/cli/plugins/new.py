"""`subpool plugin new`: a folder with a manifest and a module, which passes `check` as it is written."""

import argparse
import sys
from pathlib import Path
from typing import Final

import msgspec

from subpool.errors import PluginError
from subpool.sandbox.manifest import FILE, Name, read_manifest

SUMMARY = "Write a new plugin: a folder with a manifest and a module to go on from."

WRITTEN, NOT_WRITTEN = 0, 1

MANIFEST: Final = """\
name = "{name}"
version = "0.1.0"
api = 1
description = "Says what this plugin is for."
entry = "plugin.py"
# dependencies = "vendored"    # a folder of packages that the plugin brings along

# What the host may call, with the types that it may pass, and gets.
[functions.greet]
parameters = {{ who = "str" }}
returns = "str"

[functions.count]
parameters = {{ words = "list[str]" }}
returns = "dict[str, int]"

# What it asks for beyond computing and reading its own folder; what it gets is for the host to say.
[policy]
# read = ["/srv/texts"]
# network = true

# These hold where the host says nothing else.
[limits]
timeout = 10.0
"""
MODULE: Final = '''\
"""What this plugin does."""

from subpool.plugin import export, report


@export
def greet(who: str) -> str:
    """A greeting."""
    return f"Hello, {who}!"


@export
def count(words: list[str]) -> dict[str, int]:
    """How often each word occurs."""
    found: dict[str, int] = {}
    for done, word in enumerate(words, 1):
        found[word] = found.get(word, 0) + 1
        report(done / len(words), "counting")
    return found
'''


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare where to write it."""
    parser.add_argument("path", metavar="PATH", type=Path, help="the folder to make; its name is the plugin's")


def run(arguments: argparse.Namespace) -> int:
    """Write it, and return 0; 1 if that cannot be."""
    try:
        folder = write(arguments.path)
    except (OSError, PluginError) as error:
        print(f"subpool plugin new: {error}", file=sys.stderr)
        return NOT_WRITTEN
    print(f"written: {folder / FILE} and plugin.py; try it:")
    print(f'  subpool plugin run {arguments.path} greet "you there"')
    return WRITTEN


def write(path: Path) -> Path:
    """Write a plugin into a folder that is not there yet, or empty.

    Raises:
        PluginError: the folder's name is none for a plugin.
        OSError: there is something, or nothing can be written there.
    """
    folder = path.absolute()
    try:
        msgspec.convert(folder.name, Name)
    except msgspec.ValidationError:
        raise PluginError(
            f"{folder.name!r} is no name for a plugin: it must be letters, digits, - and _, a letter first"
        ) from None
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty")
    (folder / FILE).write_text(MANIFEST.format(name=folder.name), encoding="utf-8")
    (folder / "plugin.py").write_text(MODULE, encoding="utf-8")
    read_manifest(folder / FILE)
    return folder
