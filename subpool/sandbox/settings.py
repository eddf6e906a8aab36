"""What a guest is told as it starts."""

from __future__ import annotations

import sys
from typing import Any, Literal

import msgspec

from subpool._schedule.libraries import stdlib
from subpool.sandbox.body import library_path
from subpool.sandbox.origin import Origin
from subpool.sandbox.policy import Policy

__all__ = ["Codec", "Isolation", "Settings"]

Isolation = Literal["interpreter", "process"]
"""Where a plugin runs: in an interpreter of this process, or in a process of its own."""
Codec = Literal["json", "msgpack"]
"""How values cross."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What all instances of one plugin have in common."""

    plugin: str
    origin: Origin
    policy: Policy
    sys_path: tuple[str, ...]
    environ: dict[str, str]
    isolation: Isolation
    codec: Codec
    max_result: int
    load_timeout: float
    memory: int | None = None
    open_files: int | None = None

    def written(self) -> dict[str, Any]:
        """The same in the guest's words."""
        origin = self.origin
        own = (*origin.path, *self.sys_path)
        listed = origin.manifest.functions if origin.manifest is not None else None
        return {
            "module": origin.module,
            "file": str(origin.file),
            "search": None if origin.package is None else [str(origin.package)],
            "path": [*own, *library_path()],
            "functions": None if listed is None else list(listed),
            "environ": self.environ,
            "policy": self.policy.written((str(origin.folder), *own)),
            "codec": self.codec,
            "max_result": self.max_result,
            "recursion_limit": sys.getrecursionlimit(),
            "stdlib": list(stdlib()),
        }
