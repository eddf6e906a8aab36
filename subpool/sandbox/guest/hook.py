"""The audit hook: what a plugin's policy refuses, refused as it is tried.

It sees what CPython tells its audit hooks, before that happens; `guards` sees to what CPython does not tell. It is
there for mistakes, for code that means well, and for finding out what a plugin does. It is no security boundary:
whoever wants to get out of a CPython interpreter from inside will.

What the hook knows lies in closures over values that cannot be changed, and no module refers to it.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from typing import TYPE_CHECKING, Any, Final

from subpool.sandbox.guest.denial import Denials, ImportDenied
from subpool.sandbox.guest.paths import Roots, resolved

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["BARRED", "install"]

WRITES: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

BARRED: Final = frozenset(
    (
        "_interpreters",
        "_interpqueues",
        "_interpchannels",
        "_xxsubinterpreters",
        "_xxinterpchannels",
        "_xxinterpqueues",
        "concurrent.interpreters",
        "interpreters_backport",
        "_testcapi",
        "_testinternalcapi",
        "_testlimitedcapi",
    )
)
"""Modules that no plugin may import: they reach into other interpreters."""
NATIVE: Final = frozenset(("ctypes", "_ctypes", "_ctypes_test", "cffi", "_cffi_backend"))

FILE_READS: Final = ("os.listdir", "os.scandir", "os.getxattr", "os.listxattr")
FILE_WRITES: Final = (
    "os.remove", "os.rmdir", "os.mkdir", "os.truncate", "os.utime", "os.chmod", "os.chown", "os.setxattr",
    "os.removexattr", "os.chflags", "os.rename", "os.link", "os.symlink", "sqlite3.connect",
)  # fmt: skip
RELATIVE: Final = frozenset(
    ("os.remove", "os.rmdir", "os.mkdir", "os.chmod", "os.chown", "os.utime", "os.rename", "os.link", "os.symlink")
)
"""Events that end with the descriptors of folders to which their paths are relative; -1 for none."""
PAIRS: Final = frozenset(("os.rename", "os.link"))
NETWORK: Final = (
    "socket.connect", "socket.bind", "socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr",
    "socket.getnameinfo", "socket.sendto", "socket.sethostname",
)  # fmt: skip
PROCESSES: Final = (
    "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.startfile", "pty.spawn",
)  # fmt: skip
NEVER: Final = (
    "os.fork", "os.forkpty", "os.chdir", "os.putenv", "os.unsetenv", "os.kill", "os.killpg", "signal.pthread_kill",
    "resource.setrlimit", "resource.prlimit", "sys.settrace", "sys.setprofile", "sys.addaudithook",
    "sys.monitoring.register_callback", "sys._current_frames", "sys._current_exceptions", "sys.remote_exec",
    "sys.set_asyncgen_hooks_firstiter", "gc.get_objects", "gc.get_referrers", "gc.get_referents",
    "syslog.openlog", "syslog.syslog", "syslog.setlogmask", "cpython.remote_debugger_script",
    "sqlite3.enable_load_extension", "sqlite3.load_extension",
)  # fmt: skip

UNIX: Final = 1
"""`socket.AF_UNIX`: the module would cost each plugin half a megabyte."""


def install(policy: Mapping[str, Any], denials: Denials) -> Callable[[str], bool]:
    """Put the policy in force, for good; what tells whether a module's name is refused."""
    refused = _refused_modules(policy)
    checks = _checks(policy, denials, refused)

    def hook(event: str, args: tuple[Any, ...]) -> None:
        check = checks(event)
        if check is not None:
            check(args)

    sys.addaudithook(hook)
    return refused


def _checks(policy: Mapping[str, Any], denials: Denials, refused: Callable[[str], bool]) -> Callable[[str], Any]:
    """By event, what looks at it."""
    files = _Files(policy, denials)
    table: dict[str, Any] = {"open": files.opened, "import": _imports(policy, denials, refused)}
    table |= {event: files.seen(event, write=False) for event in FILE_READS}
    table |= {event: files.seen(event, write=True) for event in FILE_WRITES}
    denied = [*NEVER]
    if not policy["network"]:
        denied += NETWORK
        table["socket.__new__"] = _sockets(denials)
        table["socket.sendmsg"] = _messages(denials)
    if not policy["subprocess"]:
        denied += PROCESSES
    table |= {event: _refusal(event, denials) for event in denied}
    if not policy["native_code"]:
        table |= {
            event: _refusal(event, denials) for event in ("ctypes.dlopen", "ctypes.dlsym", "ctypes.call_function")
        }
    return table.get  # a method in C: it shows no closure


def _refusal(event: str, denials: Denials) -> Any:
    refuse = denials.refuse

    def look(args: tuple[Any, ...]) -> None:
        refuse(event, ", ".join(_shown(arg) for arg in args[:2]))

    return look


def _shown(arg: object) -> str:
    """An argument in few words; never by a `__repr__` of the plugin's own."""
    if type(arg) in (str, bytes, int, tuple, list) or arg is None:
        return repr(arg)[:200]
    return f"<{type(arg).__name__}>"


# -- files -----------------------------------------------------------------------------------------------------------


class _Files:
    """Looks at what touches files."""

    __slots__ = ("_read", "_refuse", "_write")

    def __init__(self, policy: Mapping[str, Any], denials: Denials) -> None:
        self._read = Roots([*policy["read"], *policy["write"]], policy["unreadable"])
        self._write = Roots(policy["write"])
        self._refuse = denials.refuse  # bound once: what is done to the class later changes nothing here

    def opened(self, args: tuple[Any, ...]) -> None:
        """Look at `open`: path, mode, flags."""
        path, mode, flags = args
        by_flags = isinstance(flags, int) and flags & WRITES != 0
        by_mode = isinstance(mode, str) and any(letter in mode for letter in "wax+")
        self._look("open", path, by_flags or by_mode)

    def seen(self, event: str, write: bool) -> Any:
        """What looks at an event whose first argument is a path; or its first two."""
        count = 2 if event in PAIRS else 1

        def look(args: tuple[Any, ...]) -> None:
            paths = args[1:2] if event == "os.symlink" else args[:count]
            for path in paths:
                if event in RELATIVE and max(args[-count:]) >= 0:
                    self._refuse(event, f"{_shown(path)}, relative to a descriptor")
                self._look(event, path, write)

        return look

    def _look(self, event: str, path: Any, write: bool) -> None:
        if isinstance(path, int):
            return  # a descriptor: what it stands for was looked at when it was opened
        name = self._name(path)
        if event == "sqlite3.connect" and name in (":memory:", ""):
            return
        roots = self._write if write else self._read
        if name == "/dev/null" or (name[:1] == "<" and name[-1:] == ">" and "/" not in name):
            return  # the latter is no file: CPython looks for the source of what was never in one, after a SyntaxError
        if roots.hold(resolved(name)):
            return
        self._refuse(event, f"{name!r}, {'write' if write else 'read'}")

    @staticmethod
    def _name(path: Any) -> str:
        if path is None:
            return "."
        if isinstance(path, bytes):
            return os.fsdecode(path)
        return str.__str__(path) if isinstance(path, str) else str(path)


# -- imports ---------------------------------------------------------------------------------------------------------


def _refused_modules(policy: Mapping[str, Any]) -> Callable[[str], bool]:
    names = frozenset((*BARRED, *policy["imports_denied"], *(() if policy["native_code"] else NATIVE)))

    def refused(name: str) -> bool:
        while name:
            if name in names:
                return True
            name = name.rpartition(".")[0]
        return False

    return refused


def _imports(policy: Mapping[str, Any], denials: Denials, refused: Callable[[str], bool]) -> Any:
    own = Roots(policy["stdlib"], policy["unreadable"])
    native = bool(policy["native_code"])
    suffixes, refuse = tuple(EXTENSION_SUFFIXES), denials.refuse

    def look(args: tuple[Any, ...]) -> None:
        name, file = args[0], args[1]
        if isinstance(name, str) and refused(name):
            if name in BARRED and _by_library(sys._getframe(1)):
                raise ImportError(f"no module {name!r} for a plugin", name=name)
            refuse("import", name, ImportDenied)
        if native or not isinstance(file, str) or not file.endswith(suffixes):
            return
        if not own.hold(resolved(file)):
            refuse("import", f"{name}: native code in {file!r}", ImportDenied)

    return look


def _by_library(frame: Any) -> bool:
    """Whether it is the standard library that looks whether a module is there, as `concurrent.futures` does."""
    name = ""
    while frame is not None and (not name or name.startswith(("importlib.", "_frozen_importlib", "subpool.sandbox."))):
        name, frame = str(frame.f_globals.get("__name__")), frame.f_back
    return name.startswith("concurrent.futures")


# -- sockets ---------------------------------------------------------------------------------------------------------


def _sockets(denials: Denials) -> Any:
    """Sockets that stay within the process, as event loops need them, are no network."""
    refuse = denials.refuse

    def look(args: tuple[Any, ...]) -> None:
        family = args[1]
        if family != UNIX:
            refuse("socket.__new__", f"family {family!s}")

    return look


def _messages(denials: Denials) -> Any:
    refuse = denials.refuse

    def look(args: tuple[Any, ...]) -> None:
        if args[1] is not None:
            refuse("socket.sendmsg", _shown(args[1]))

    return look
