"""`Policy`: what a plugin may do beyond computing."""

from __future__ import annotations

import os
import sysconfig
from functools import cache
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

from subpool._schedule.libraries import stdlib

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Paths = Sequence[str | os.PathLike[str]]
    Names = Sequence[str]
else:  # what they are made into, and what msgspec reads
    Paths = Names = tuple[str, ...]

__all__ = ["Policy", "library_folders", "site_folders"]

USUAL: Final = ("/dev/null", "/dev/urandom", "/dev/random", "/dev/zero", "/usr/share/zoneinfo", "/usr/lib/zoneinfo")
"""Readable for everybody: what modules of the standard library read as they work."""
FILES: Final = ("read", "write")
NAMES: Final = ("imports_denied", "environ")


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a plugin may do. The default allows it to compute, and to read its own folder, and nothing else.

    It is enforced inside the plugin's interpreter by an audit hook, before the plugin's first line runs. That stops
    mistakes and tells what code does which means well; it is **no security boundary against hostile code**, which can
    get out of any CPython interpreter from inside. For that, use a machine or a container of its own.

    Example::

        subpool.Policy(read=["/srv/images"], write=["/srv/thumbnails"], environ=["LANG"])

    Args:
        read: files and folders that may be read, with all below them. The plugin's own folder, its `sys_path`, the
            standard library and the time zones may always be read.
        write: files and folders that may be written, and read.
        network: whether it may use sockets other than those within the process.
        subprocess: whether it may start other programs.
        imports_denied: modules that it may not import, with what is in them.
        native_code: whether it may load extension modules outside the standard library, `ctypes` and `cffi`.
        environ: the names of the environment variables that it may see. They are its own copies.

    What belongs to the whole process stays out of reach whatever the policy: its working directory, signals,
    priorities and limits, `os.fork`, other interpreters, tracing, and walks over all objects.
    """

    read: Paths = ()
    write: Paths = ()
    network: bool = False
    subprocess: bool = False
    imports_denied: Names = ()
    native_code: bool = False
    environ: Names = ()

    def __post_init__(self) -> None:
        for name in (*FILES, *NAMES):
            texts = _texts(name, getattr(self, name), path=name in FILES)
            msgspec.structs.force_setattr(self, name, texts)
        for name in ("network", "subprocess", "native_code"):
            if not isinstance(getattr(self, name), bool):
                raise TypeError(f"Policy: {name} must be True or False, not {getattr(self, name)!r}")

    def grants(self, asked: Policy) -> bool:
        """Whether this policy allows everything that another one does."""
        return (
            all(getattr(self, name) or not getattr(asked, name) for name in ("network", "subprocess", "native_code"))
            and all(_holds((*self.read, *self.write), root) for root in asked.read)
            and all(_holds(self.write, root) for root in asked.write)
            and set(asked.environ) <= set(self.environ)
            and set(self.imports_denied) <= set(asked.imports_denied)
        )

    def environment(self, more: dict[str, str]) -> dict[str, str]:
        """The variables that the plugin sees: those allowed, as they are now, and these."""
        return {name: os.environ[name] for name in self.environ if name in os.environ} | more

    def written(self, own: Iterable[str]) -> dict[str, Any]:
        """What the guest is told: every path resolved, and what it may read in any case."""
        read = [*own, *self.read, *library_folders(), *USUAL]
        return {
            "read": sorted({os.path.realpath(root) for root in read}),
            "write": sorted({os.path.realpath(root) for root in self.write}),
            "unreadable": [os.path.realpath(root) for root in site_folders()],
            "stdlib": [os.path.realpath(root) for root in stdlib()],
            "network": self.network,
            "subprocess": self.subprocess,
            "imports_denied": list(self.imports_denied),
            "native_code": self.native_code,
        }


def _texts(name: str, values: Any, *, path: bool) -> tuple[str, ...]:
    if isinstance(values, (str, bytes)) or not hasattr(values, "__iter__"):
        raise TypeError(f"Policy: {name} must be a sequence of {'paths' if path else 'names'}, not {values!r}")
    found: list[str] = []
    for value in values:
        text = os.fspath(cast("str", value)) if path and hasattr(value, "__fspath__") else value
        if not isinstance(text, str) or not text:
            raise TypeError(f"Policy: {name} holds {value!r}, which is no {'path' if path else 'name'}")
        found.append(text)
    return tuple(found)


def _holds(roots: Iterable[str | os.PathLike[str]], path: str | os.PathLike[str]) -> bool:
    path = os.path.realpath(path)
    return any(os.path.commonpath((path, real := os.path.realpath(root))) == real for root in roots)


@cache
def site_folders() -> tuple[str, ...]:
    """Where this Python's installed packages lie: a guest sees them only if its `sys_path` says so."""
    paths = sysconfig.get_paths()
    inside = [os.path.join(folder, "site-packages") for folder in stdlib()]
    return tuple({paths["purelib"], paths["platlib"], *inside})


@cache
def library_folders() -> tuple[str, ...]:
    """What every guest may read: the standard library, and subpool."""
    return (*stdlib(), os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
