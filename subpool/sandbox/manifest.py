"""The manifest: what a `plugin.toml` says, checked field by field."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from subpool.errors import PluginError
from subpool.sandbox.declared import parse_type
from subpool.sandbox.policy import Policy

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["API", "FunctionEntry", "LimitsEntry", "Manifest", "read_manifest"]

API = 1
"""The version of the contract between a host and its plugins."""
FILE = "plugin.toml"

Name = Annotated[str, Meta(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$", max_length=100)]
Identifier = Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Positive = Annotated[float, Meta(gt=0)]
Count = Annotated[int, Meta(ge=0)]


class FunctionEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An entry function: the types of its parameters in order, and of its result, as Python writes them."""

    parameters: dict[Identifier, str] = {}
    returns: str = "Any"
    doc: str = ""


class LimitsEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the plugin needs at most. The host's own keywords come first."""

    timeout: Positive | None = None
    cpu_seconds: Positive | None = None
    max_result: Count | None = None
    memory: Count | None = None
    open_files: Count | None = None


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A plugin's description of itself.

    Example::

        name = "thumbnails"
        version = "1.2"
        api = 1
        entry = "thumbs.py"
        dependencies = "vendored"

        [functions.thumbnail]
        parameters = { path = "str", width = "int" }
        returns = "bytes"

        [policy]
        read = ["/srv/images"]

        [limits]
        timeout = 5.0
    """

    name: Name
    version: str = "0"
    api: int = API
    entry: str | None = None
    """Path of the module, or of the package's folder, from the manifest's own folder."""
    description: str = ""
    dependencies: str | None = None
    """The folder of the packages that the plugin brings along, from the manifest's own folder."""
    functions: dict[Identifier, FunctionEntry] | None = None
    """Those that the host may call; by default those that the plugin exports."""
    policy: Policy = Policy()
    """What the plugin asks for. What it gets is the host's to say."""
    limits: LimitsEntry = LimitsEntry()


def read_manifest(file: Path) -> Manifest:
    """Read a manifest.

    Raises:
        PluginError: it is wrong; the message names the file, the line if it is known, and the field.
    """
    text = _text(file)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PluginError(f"{file}: {error}") from None
    try:
        manifest = msgspec.convert(data, Manifest)
    except (msgspec.ValidationError, TypeError) as error:
        raise PluginError(_located(file, text, str(error))) from None
    if manifest.api != API:
        raise PluginError(_located(file, text, f"version {manifest.api} of the API is not {API} - at `$.api`"))
    _check_types(file, text, manifest)
    return manifest


def _check_types(file: Path, text: str, manifest: Manifest) -> None:
    for name, function in (manifest.functions or {}).items():
        fields = {f"parameters.{parameter}": kind for parameter, kind in function.parameters.items()}
        for field, kind in (fields | {"returns": function.returns}).items():
            try:
                parse_type(kind)
            except ValueError as error:
                raise PluginError(_located(file, text, f"{error} - at `$.functions.{name}.{field}`")) from None


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PluginError(f"{file}: {error}") from None


def _located(file: Path, text: str, message: str) -> str:
    """The message with the line of the field that it names, as well as that can be told."""
    said, _, at = message.partition(" - at `$")
    path = at.rstrip("`").lstrip(".")
    unknown = re.search(r"(?:unknown|required) field `([^`]+)`", said)
    words = [*re.findall(r"[^.\[\]]+", path), *([unknown[1]] if unknown else [])]
    line = _line_of(text, words)
    where = f"{file}:{line}" if line else str(file)
    field = ".".join(words) if unknown and not path.endswith(unknown[1]) else path
    return f"{where}: {field or 'the whole'}: {said}"


def _line_of(text: str, words: list[str]) -> int | None:
    """The line on which the last of these words is a key or a table, below those before it."""
    found: int | None = None
    lines = text.splitlines()
    for word in words:
        key = re.compile(rf"""(^|[.\[{{,\s]){re.escape(word)}["']?\s*(=|\]|\.)""")
        start = found - 1 if found else 0
        hit = next((number for number, line in enumerate(lines[start:], start + 1) if key.search(line)), None)
        found = hit or found
    return found
