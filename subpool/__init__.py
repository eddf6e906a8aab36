"""subpool: CPU-bound Python on all cores, in one process.

The names are loaded when they are first used: each worker imports this package too, and pays for what it needs only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from subpool import doctor
    from subpool.ambient import cancelled, configure, current_pool, worker_index
    from subpool.broken import BrokenPoolError
    from subpool.data import Broadcast, Shared, broadcast, share
    from subpool.errors import (
        PluginError,
        PluginTypeError,
        PolicyViolation,
        PoolClosedError,
        RemoteError,
        RemoteTraceback,
        SerializationError,
        SubpoolError,
        TaskCancelled,
        UnsupportedInSubinterpreter,
        UnsupportedWarning,
        WorkerLostError,
    )
    from subpool.executor import Executor
    from subpool.functions import join, join_all, scope, spawn
    from subpool.iterators import ParIter, ParIterMut, par_iter, par_iter_mut, par_zip
    from subpool.lanes import needs_host
    from subpool.pool import Pool
    from subpool.sandbox.host import SandboxHost
    from subpool.sandbox.policy import Policy
    from subpool.sandbox.sandbox import Sandbox
    from subpool.sandbox.stats import SandboxStats
    from subpool.scopes import Scope
    from subpool.stacks import dump_stacks, dump_stacks_on
    from subpool.stats import PoolStats
    from subpool.task import Task

__version__ = "0.1.0"

__all__ = [
    "Broadcast",
    "BrokenPoolError",
    "Executor",
    "ParIter",
    "ParIterMut",
    "PluginError",
    "PluginTypeError",
    "Policy",
    "PolicyViolation",
    "Pool",
    "PoolClosedError",
    "PoolStats",
    "RemoteError",
    "RemoteTraceback",
    "Sandbox",
    "SandboxHost",
    "SandboxStats",
    "Scope",
    "SerializationError",
    "Shared",
    "SubpoolError",
    "Task",
    "TaskCancelled",
    "UnsupportedInSubinterpreter",
    "UnsupportedWarning",
    "WorkerLostError",
    "__version__",
    "broadcast",
    "cancelled",
    "configure",
    "current_pool",
    "doctor",
    "dump_stacks",
    "dump_stacks_on",
    "join",
    "join_all",
    "needs_host",
    "par_iter",
    "par_iter_mut",
    "par_zip",
    "scope",
    "share",
    "spawn",
    "worker_index",
]

_MODULES = {
    "subpool.ambient": ("cancelled", "configure", "current_pool", "worker_index"),
    "subpool.broken": ("BrokenPoolError",),
    "subpool.data": ("Broadcast", "Shared", "broadcast", "share"),
    "subpool.executor": ("Executor",),
    "subpool.functions": ("join", "join_all", "scope", "spawn"),
    "subpool.lanes": ("needs_host",),
    "subpool.iterators": ("ParIter", "ParIterMut", "par_iter", "par_iter_mut", "par_zip"),
    "subpool.pool": ("Pool",),
    "subpool.stats": ("PoolStats",),
    "subpool.sandbox.policy": ("Policy",),
    "subpool.sandbox.sandbox": ("Sandbox",),
    "subpool.sandbox.host": ("SandboxHost",),
    "subpool.sandbox.stats": ("SandboxStats",),
    "subpool.scopes": ("Scope",),
    "subpool.stacks": ("dump_stacks", "dump_stacks_on"),
    "subpool.task": ("Task",),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name == "doctor":
        return import_module("subpool.doctor")
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES.get(name, "subpool.errors")), name)
    globals()[name] = value
    return value
