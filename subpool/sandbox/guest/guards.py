"""What belongs to the whole process and is not told to audit hooks: replaced by refusals as its module is loaded.

The table is by module in C, and applies whenever such a module is executed, so that loading it again changes nothing.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Final

from subpool.sandbox.guest.denial import Denials, ImportDenied

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["furnish", "install"]

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
    "gc": ("freeze", "unfreeze"),
}  # fmt: skip
FOR_PROCESSES: Final = frozenset(("fork_exec", "wait", "wait3", "wait4", "waitid", "waitpid"))
"""What a plugin that may start processes needs."""
COPIES: Final = {"posix": "os", "_signal": "signal", "_locale": "locale", "_thread": "_thread"}
"""Modules that copy the names of another one as they are loaded."""


def install(denials: Denials, subprocess: bool, refused: Callable[[str], bool]) -> None:
    """Put the refusals in place, in what is loaded and in what will be."""
    import _imp

    guards = {
        module: {
            name: _refusal(f"{module}.{name}", denials) for name in names if not (subprocess and name in FOR_PROCESSES)
        }
        for module, names in PROCESS_WIDE.items()
    }
    guards["posix"]["open"] = _absolute(os.open, denials)
    for name, module in list(sys.modules.items()):
        source = next((source for source, copy in COPIES.items() if copy == name), name)
        _apply(guards.get(name) or guards.get(source), module)
    for step in ("exec_builtin", "exec_dynamic"):
        setattr(_imp, step, _then_guarded(getattr(_imp, step), guards))
    sys.meta_path.insert(0, _Doorman(denials, refused))
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


def _refusal(name: str, denials: Denials) -> Any:
    note = denials.refuse

    def refuse(*args: Any, **_: Any) -> Any:
        if name == "_locale.setlocale" and (len(args) == 1 or args[1] is None):
            return "C"  # it only asks
        return note(name.lstrip("_"), "")

    return refuse


def _absolute(opened: Any, denials: Denials) -> Any:
    """`os.open` without `dir_fd`, which it does not tell audit hooks of."""
    refuse = denials.refuse

    def open_absolute(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> Any:
        if dir_fd is not None:
            refuse("os.open", "relative to a descriptor")
        return opened(path, flags, mode)

    return open_absolute


def _then_guarded(execute: Any, guards: dict[str, dict[str, Any]]) -> Any:
    def execute_guarded(module: Any, /) -> Any:
        outcome = execute(module)
        _apply(guards.get(module.__name__), module)
        return outcome

    return execute_guarded


class _Doorman:
    """Refuses modules to what does not tell audit hooks of its imports, as `importlib.import_module` on 3.13."""

    __slots__ = ("_refuse", "_refused")

    def __init__(self, denials: Denials, refused: Callable[[str], bool]) -> None:
        self._refuse = denials.refuse
        self._refused = refused

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> None:
        """Refuse, or leave it to the next finder."""
        if self._refused(name):
            self._refuse("import", name, ImportDenied)


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
