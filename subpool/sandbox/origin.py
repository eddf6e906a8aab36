"""Where a plugin comes from: a `.py` file, a package's folder, a folder with a manifest, or an importable module."""

from __future__ import annotations

import os
import sys
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import msgspec

from subpool.errors import PluginError
from subpool.sandbox.manifest import FILE, Manifest, read_manifest

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Origin", "find"]


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Where a plugin's code lies, and how it is imported."""

    name: str
    """What the plugin is called."""
    folder: Path
    """The plugin's own folder, which it may read."""
    module: str
    """The name under which its module is imported."""
    file: Path
    """The module's file."""
    package: Path | None = None
    """The folder of its submodules, if it is a package."""
    path: tuple[str, ...] = ()
    """What of the plugin's own goes on its `sys.path`, the dependencies that it brings along first."""
    manifest: Manifest | None = None

    def fingerprint(self) -> tuple[tuple[str, int, int], ...]:
        """What changes when one of the plugin's files does: their names, times and sizes."""
        found: list[tuple[str, int, int]] = []
        for file in self.files():
            try:
                status = file.stat()
            except OSError:
                continue
            found.append((str(file), status.st_mtime_ns, status.st_size))
        return tuple(sorted(found))

    def files(self) -> Iterator[Path]:
        """The files that make up the plugin."""
        if self.manifest is None and self.package is None:
            yield self.file
            return
        for folder, folders, names in os.walk(self.folder):
            folders[:] = [each for each in folders if not each.startswith((".", "__pycache__"))]
            yield from (Path(folder, each) for each in names if not each.startswith("."))


def find(plugin: str | os.PathLike[str] | ModuleType) -> Origin:
    """Find a plugin, by its path or as a module.

    Raises:
        PluginError: it is not there, or its manifest is wrong.
    """
    if isinstance(plugin, ModuleType):
        return _of_module(plugin.__name__, getattr(plugin, "__file__", None))
    text = os.fspath(plugin)
    path = Path(text).absolute()
    if path.is_dir():
        return _of_folder(path)
    if path.is_file():
        return _of_file(path)
    if isinstance(plugin, str) and all(part.isidentifier() for part in text.split(".")):
        return _of_module(text, _spec_origin(text))
    raise PluginError(f"no plugin at {path}: neither a file nor a folder")


def _of_file(path: Path) -> Origin:
    if path.name == FILE:
        return _of_folder(path.parent)
    if path.suffix != ".py":
        raise PluginError(f"{path} is no plugin: not a .py file, a package, or a folder with {FILE}")
    if path.name == "__init__.py":
        return _of_folder(path.parent)
    return Origin(name=path.stem, folder=path.parent, module=path.stem, file=path, path=(str(path.parent),))


def _of_folder(folder: Path) -> Origin:
    if (folder / FILE).is_file():
        return _of_manifest(folder, read_manifest(folder / FILE))
    if (folder / "__init__.py").is_file():
        name = folder.name
        return Origin(name=name, folder=folder, module=name, file=folder / "__init__.py", package=folder)
    raise PluginError(f"{folder} is no plugin: it has neither {FILE} nor __init__.py")


def _of_manifest(folder: Path, manifest: Manifest) -> Origin:
    file = _entry(folder, manifest)
    package = file.parent if file.name == "__init__.py" else None
    module = (package or file).stem
    path = [str(folder)]
    if manifest.dependencies is not None:
        path.insert(0, str(_inside(folder, manifest.dependencies, "dependencies")))
    return Origin(
        name=manifest.name,
        folder=folder,
        module=module,
        file=file,
        package=package,
        path=tuple(path),
        manifest=manifest,
    )


def _entry(folder: Path, manifest: Manifest) -> Path:
    """The file of the module that the manifest names, or of the one that goes without saying."""
    if manifest.entry is not None:
        entry = _inside(folder, manifest.entry, "entry")
        return entry / "__init__.py" if entry.is_dir() else entry
    stem = manifest.name.replace("-", "_")
    usual = [folder / f"{stem}.py", folder / stem / "__init__.py", folder / "plugin.py", folder / "__init__.py"]
    found = next((file for file in usual if file.is_file()), None)
    if found is None:
        names = ", ".join(str(file.relative_to(folder)) for file in usual)
        raise PluginError(f"{folder / FILE}: entry: not given, and there is none of {names}")
    return found


def _inside(folder: Path, name: str, field: str) -> Path:
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise PluginError(f"{folder / FILE}: {field}: {name!r} leads out of the plugin's folder")
    if not path.exists():
        raise PluginError(f"{folder / FILE}: {field}: there is no {name!r}")
    return path


def _of_module(name: str, file: str | None) -> Origin:
    if file is None or not file.endswith(".py"):
        raise PluginError(f"no plugin at {name!r}: neither a path nor a module in Python that can be found")
    path = Path(file).absolute()
    package = path.parent if path.name == "__init__.py" else None
    folder, top = package or path.parent, path.parent if package is None else package.parent
    for _ in range(name.count(".")):
        top, folder = top.parent, top
    alone = "." not in name and package is not None
    where = () if alone else (str(top),)
    return Origin(name=name, folder=folder, module=name, file=path, package=package, path=where)


def _spec_origin(name: str) -> str | None:
    """The file of a module, found without importing what encloses it."""
    search: list[str] | None = sys.path
    spec = None
    full = ""
    for part in name.split("."):
        full = f"{full}.{part}" if full else part
        spec = PathFinder.find_spec(full, search)
        if spec is None:
            return None
        search = list(spec.submodule_search_locations or ())
    return None if spec is None else spec.origin
