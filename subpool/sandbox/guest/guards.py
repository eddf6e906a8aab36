"""What belongs to the whole process and is not told to audit hooks: replaced by refusals as its module is made.

The table is by module in C, and applies whenever such a module is made, so that making it again changes nothing. A
refusal is an audit event of its own, and the hook raises it: nothing that stands here leads to what judges. What was
replaced is kept nowhere, but for what makes modules.
"""

from __future__ import annotations

import os
import sys
from posix import fspath, getcwd
from sys import audit
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, cast

from subpool.sandbox.guest.opaque import opaque

if TYPE_CHECKING:
    from collections.abc import Callable

    Guards = dict[str, dict[str, Any]]

__all__ = ["furnish", "install"]

REFUSED: Final = "subpool.refused"
"""The event by which a refusal is told: what, and something about it."""
PROCESS_WIDE: Final[dict[str, tuple[str, ...]]] = {
    "posix": (
        "_exit", "abort", "umask", "nice", "setpriority", "sched_setaffinity", "sched_setparam", "sched_setscheduler",
        "setuid", "setgid", "seteuid", "setegid", "setreuid", "setregid", "setresuid", "setresgid", "setgroups",
        "initgroups", "setsid", "setpgid", "setpgrp", "tcsetpgrp", "chroot", "mkfifo", "mknod", "closerange", "setns",
        "unshare", "_create_environ", "fork", "forkpty", "fork1", "execv", "execve", "wait", "wait3", "wait4", "waitid",
        "waitpid", "login_tty",
    ),
    "_signal": (
        "raise_signal", "alarm", "setitimer", "pthread_sigmask", "pidfd_send_signal", "set_wakeup_fd", "siginterrupt",
        "sigwait", "sigwaitinfo", "sigtimedwait",
    ),
    "_thread": ("interrupt_main",),
    "time": ("tzset", "clock_settime", "clock_settime_ns", "pthread_getcpuclockid"),
    "_locale": ("setlocale", "bindtextdomain", "textdomain", "bind_textdomain_codeset"),
    "_posixsubprocess": ("fork_exec",),
    "_posixshmem": ("shm_open", "shm_unlink"),
    "gc": ("freeze", "unfreeze"),
    "sys": ("activate_stack_trampoline", "deactivate_stack_trampoline"),
}  # fmt: skip
FOR_PROCESSES: Final = frozenset(("fork_exec", "wait", "wait3", "wait4", "waitid", "waitpid"))
"""What a plugin that may start processes needs."""
COPIES: Final = {"posix": "os", "_signal": "signal", "_locale": "locale", "_thread": "_thread"}
"""Modules that copy the names of another one as they are loaded."""


def install(subprocess: bool, refused: Callable[[str], bool]) -> None:
    """Put the refusals in place, in what is loaded and in what will be."""
    guards: Guards = {
        module: {name: _refusal(f"{module}.{name}") for name in names if not (subprocess and name in FOR_PROCESSES)}
        for module, names in PROCESS_WIDE.items()
    }
    guards["posix"]["open"] = _absolute(os.open)
    guards["_imp"] = _makers(guards, dict(os.environ._data))  # type: ignore[attr-defined]
    for name, module in list(sys.modules.items()):
        source = next((source for source, copy in COPIES.items() if copy == name), name)
        _apply(guards.get(name) or guards.get(source), module)
    sys.meta_path.insert(0, _Doorman())
    for name in [name for name in sys.modules if refused(name)]:
        del sys.modules[name]
    _hide()


def _hide() -> None:
    """Take what enforces the policy out of the plugin's sight: importing it gives another copy, which enforces none."""
    inner = [name for name in sys.modules if name.startswith(("subpool.sandbox", "subpool._"))]
    package = sys.modules["subpool"]
    for name in inner:
        del sys.modules[name]
        vars(package).pop(name.split(".")[1], None)


def _apply(guards: dict[str, Any] | None, module: Any) -> None:
    for name, guard in (guards or {}).items():
        if hasattr(module, name):
            setattr(module, name, guard)


def _refusal(name: str) -> Any:
    def refuse(*args: Any, **_: Any) -> Any:
        if name == "_locale.setlocale" and (len(args) == 1 or args[1] is None):
            return "C"  # it only asks
        return audit(REFUSED, name.lstrip("_"), "")

    return refuse


def _absolute(opened: Any) -> Any:
    """`os.open` without `dir_fd`, which it does not tell audit hooks of. They refuse what is not absolute."""

    def open_absolute(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> Any:
        if dir_fd is not None:
            audit(REFUSED, "os.open", "relative to a descriptor")
        path = cast("str | bytes", fspath(path))
        here = getcwd()
        if isinstance(path, bytes):
            return opened(path if path[:1] == b"/" else os.fsencode(here) + b"/" + path, flags, mode)
        return opened(path if path[:1] == "/" else f"{here}/{path}", flags, mode)

    return open_absolute


class _Doorman:
    """Tells of imports that are not told by themselves, as those by `importlib.import_module` on 3.13."""

    __slots__ = ()

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> None:
        """Have it refused, or leave it to the next finder."""
        audit("import", name, None, None, None, None)


# -- modules in C ------------------------------------------------------------------------------------------------------


def _makers(guards: Guards, environ: dict[bytes, bytes]) -> dict[str, Any]:
    """What takes the place of the functions that make modules in C, so that each is guarded from the start."""
    import _imp

    return {
        "create_builtin": _maker(opaque(_guarded_maker(_imp.create_builtin, guards, environ))),
        "create_dynamic": _maker(opaque(_guarded_maker(_imp.create_dynamic, guards, environ))),
    }


def _maker(make: Any) -> Any:
    """What a plugin sees: it takes what the spec says only once, as plain text."""

    def create(spec: Any, file: Any = None, /) -> Any:
        name, origin = spec.name, getattr(spec, "origin", None)
        plain = str.__str__(name), None if origin is None else str.__str__(origin)
        module, error = make(*plain, file)
        if error is not None:
            raise error
        return module

    return create


def _guarded_maker(make: Any, guards: Guards, environ: dict[bytes, bytes]) -> Any:
    from _imp import exec_builtin

    def create(name: str, origin: str | None, file: Any) -> tuple[Any, BaseException | None]:
        try:
            audit("import", name, origin, None, None, None)
            spec = SimpleNamespace(name=name, origin=origin)
            module = make(spec) if file is None else make(spec, file)
            _apply(guards.get(name.rpartition(".")[2]), module)
            if name == "posix":  # it takes the environment of the process along as it is executed
                exec_builtin(module)
                module.environ.clear()
                module.environ.update(environ)
            elif name == "_sqlite3":
                module.connect = _named_by_text(module.connect)
            return module, None
        except BaseException as error:  # noqa: BLE001 - for whoever wanted the module
            return None, error.with_traceback(None)

    return create


def _named_by_text(connect: Any) -> Any:
    """`sqlite3.connect` of a text: what other objects say of themselves when they are asked is not to be relied on."""

    def connect_by_text(database: Any, *args: Any, **named: Any) -> Any:
        return connect(fspath(database) if hasattr(database, "__fspath__") else database, *args, **named)

    return connect_by_text


def _keep_to_yourself(*_: object) -> None:
    """Set or unset nothing outside: the guest's own mapping holds the variable."""


def furnish(environ: dict[str, str]) -> None:
    """Have an environment of the guest's own: what it sets there stays there, and the process never sees it."""
    import posix

    own: Any = os
    data = {os.fsencode(name): os.fsencode(value) for name, value in environ.items()}
    posix.environ.clear()  # type: ignore[attr-defined, unused-ignore]
    posix.environ.update(data)  # type: ignore[attr-defined, unused-ignore]
    own.environ._data.clear()
    own.environ._data.update(data)
    own.putenv = own.unsetenv = _keep_to_yourself
    for leak in ("reload_environ",):
        if hasattr(own, leak):
            delattr(own, leak)
