"""The audit hook: what a plugin's policy refuses, refused as it is tried.

It sees what CPython tells its audit hooks, before that happens; `guards` sees to what CPython does not tell. It is
there for mistakes, for code that means well, and for finding out what a plugin does. It is no security boundary:
whoever wants to get out of a CPython interpreter from inside will.

What judges lies in closures that no module, class or frame refers to. It runs no code of the plugin's: of what an event
brings, it looks at nothing but texts, bytes and integers, and it uses built-in functions as they were at the start. Its
verdict is a value; what raises it is a function that holds nothing else, whose frame the traceback shows.
"""

# ruff: noqa: I001 - the built-in functions come first
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# The values that pass here may be anything: what is known of them is what `type` said.

from __future__ import annotations

from subpool.sandbox.guest.opaque import builtins_at_the_start as __builtins__, opaque  # type: ignore[no-redef]  # noqa: F401
import os
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final

from subpool.sandbox.guest.denial import Denied, ImportDenied, recorder
from subpool.sandbox.guest.paths import resolved, under

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Verdict = tuple[type[Exception], str] | None
    Check = Callable[[tuple[Any, ...]], Verdict]

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
    "sqlite3.enable_load_extension", "sqlite3.load_extension", "subpool.refused",
)  # fmt: skip

UNIX: Final = 1
"""`socket.AF_UNIX`: the module would cost each plugin half a megabyte."""
SIGNALLING: Final[dict[str, frozenset[int]]] = {
    "fcntl.fcntl": frozenset((8, 10, 15, 1024, 1026)),  # F_SETOWN, F_SETSIG, F_SETOWN_EX, F_SETLEASE, F_NOTIFY
    "fcntl.ioctl": frozenset((0x5412, 0x5452, 0x8901, 0x8902)),  # TIOCSTI, FIOASYNC, FIOSETOWN, SIOCSPGRP
}
"""What makes the kernel send the whole process a signal, or type for whoever sits at the terminal."""
SET_FLAGS: Final = 4
ASYNC: Final = 0o20000
"""`F_SETFL` and `O_ASYNC`."""
WHOLE: Final = slice(None)
OTHER: Final = ...
"""Stands for what an event brings that is no text, no bytes, no integer and not None."""


def install(policy: Mapping[str, Any]) -> tuple[Callable[[str], bool], Callable[[], dict[str, Any] | None]]:
    """Put the policy in force, for good.

    Returns:
        What tells whether a module's name is refused, and what gives the refusals that have not been told yet.
    """
    note, drain = recorder()
    refused = _refused_modules(policy)
    judge, events = _judge(policy, note, refused)
    code = _raise_verdict.__code__
    sys.addaudithook(FunctionType(code, {"__builtins__": {}}, argdefs=(opaque(judge), events)))
    return refused, opaque(drain)


def _raise_verdict(event: str, args: tuple[Any, ...], judge: Any, events: frozenset[str]) -> None:
    """The hook, with nothing of its own but what it can be seen to have."""
    if event in events:
        verdict = judge(event, args)
        if verdict is not None:
            raise verdict[0](verdict[1])


def _judge(
    policy: Mapping[str, Any], note: Callable[[str, str], None], refused: Callable[[str], bool]
) -> tuple[Callable[[str, tuple[Any, ...]], Verdict], frozenset[str]]:
    """What looks at an event, and the events that it looks at."""
    table = _checks(policy, refused)

    def judge(event: str, args: tuple[Any, ...]) -> Verdict:
        try:
            verdict = table[event](tuple(_plain(arg) for arg in args))
            if verdict is None:
                return None
            kind, event, what = verdict
            if kind is ImportError:  # nobody wanted it in earnest
                return kind, f"no module {what!r} for a plugin"
            note(event, what)
            return kind, f"the policy does not allow {event}({what})"
        except BaseException as error:  # noqa: BLE001 - whatever is wrong with an event, it is not allowed
            return Denied, f"the policy does not allow {event}: {type(error).__name__}"

    return judge, frozenset(table)


def _plain(value: Any, depth: int = 1) -> Any:
    """A value as it is without whatever its class makes of it."""
    kind: Any = type(value)
    if value is None or kind is str or kind is bytes or kind is int:
        return value
    if issubclass(kind, str):
        return str.__str__(value)
    if issubclass(kind, bytes):
        return bytes.__getitem__(value, WHOLE)
    if issubclass(kind, int):
        return int.__int__(value)
    if depth and (kind is list or kind is tuple):
        return [_plain(part, depth - 1) for part in value]
    return OTHER


def _checks(policy: Mapping[str, Any], refused: Callable[[str], bool]) -> dict[str, Any]:
    """By event, what looks at it."""
    opened, read, written = _files(policy)
    table: dict[str, Any] = {"open": opened, "import": _imports(policy, refused)}
    table |= {event: _paths(event, read) for event in FILE_READS}
    table |= {event: _paths(event, written) for event in FILE_WRITES}
    table |= {event: _signals(event) for event in SIGNALLING}
    denied = [*NEVER]
    if not policy["network"]:
        denied += NETWORK
        table["socket.__new__"] = _sockets
        table["socket.sendmsg"] = _messages
    if not policy["subprocess"]:
        denied += PROCESSES
    if not policy["native_code"]:
        denied += ("ctypes.dlopen", "ctypes.dlsym", "ctypes.call_function")
    table |= {event: _refusal(event) for event in denied}
    table["subpool.refused"] = _guarded
    return table


def _refusal(event: str) -> Any:
    def check(args: tuple[Any, ...]) -> Any:
        return Denied, event, ", ".join(_shown(arg) for arg in args[:2])

    return check


def _guarded(args: tuple[Any, ...]) -> Any:
    """What `guards` refuses, which tells of it by an event."""
    event, what = args
    return Denied, str(event), str(what)


def _shown(arg: object) -> str:
    """An argument in few words."""
    return "<object>" if arg is OTHER else repr(arg)[:200]


# -- files -----------------------------------------------------------------------------------------------------------


def _files(policy: Mapping[str, Any]) -> tuple[Any, Any, Any]:
    """What looks at `open`, at what is read, and at what is written."""
    may_read = under([*policy["read"], *policy["write"]], policy["unreadable"])
    may_write = under(policy["write"])
    decode = _decoder()

    def look(event: str, path: Any, write: bool) -> Any:
        if type(path) is int:
            return None  # a descriptor: what it stands for was looked at when it was opened
        if path is OTHER or type(path) is list:
            return Denied, event, "a path that is no text"
        name = "." if path is None else decode(path) if type(path) is bytes else path
        if _is_no_file(event, name):
            return None
        hold = may_write if write else may_read
        if all(hold(resolved(each)) for each in _names(event, name)):
            return None
        return Denied, event, f"{name!r}, {'write' if write else 'read'}"

    def opened(args: tuple[Any, ...]) -> Any:
        path, mode, flags = args
        if mode is None and type(path) in (str, bytes) and decode(path)[:1] != "/":
            return Denied, "os.open", "relative to a descriptor"  # the guard makes all others absolute
        by_flags = type(flags) is int and flags & WRITES != 0
        by_mode = type(mode) is str and any(letter in mode for letter in "wax+")
        return look("open", path, by_flags or by_mode)

    def read(event: str, path: Any) -> Any:
        return look(event, path, write=False)

    def written(event: str, path: Any) -> Any:
        return look(event, path, write=True)

    return opened, read, written


def _decoder() -> Callable[[str | bytes], str]:
    encoding, errors = sys.getfilesystemencoding(), sys.getfilesystemencodeerrors()
    return lambda path: path if isinstance(path, str) else path.decode(encoding, errors)


def _is_no_file(event: str, name: str) -> bool:
    if event == "sqlite3.connect":
        return name in (":memory:", "")
    # The latter is no file: CPython looks for the source of what was never in one, after a SyntaxError.
    return name == "/dev/null" or (name[:1] == "<" and name[-1:] == ">" and "/" not in name)


def _names(event: str, name: str) -> tuple[str, ...]:
    """What a name may stand for: that of a database may be a URI, which the event does not tell."""
    if event != "sqlite3.connect" or not name.startswith("file:"):
        return (name,)
    path = name[5:].partition("?")[0].partition("#")[0]
    if path.startswith("//"):
        path = "/" + path[2:].partition("/")[2]
    first, *others = path.encode("utf-8", "surrogateescape").split(b"%")
    for piece in others:
        try:
            first += bytes.fromhex(piece[:2].decode()) + piece[2:]
        except ValueError:
            first += b"%" + piece
    return name, first.decode("utf-8", "surrogateescape")


def _paths(event: str, look: Any) -> Any:
    """What looks at an event whose first argument is a path; or its first two."""
    count = 2 if event in PAIRS else 1

    def check(args: tuple[Any, ...]) -> Any:
        paths = args[1:2] if event == "os.symlink" else args[:count]
        for path in paths:
            if event in RELATIVE and not all(type(each) is int and each < 0 for each in args[-count:]):
                return Denied, event, f"{_shown(path)}, relative to a descriptor"
            verdict = look(event, path)
            if verdict is not None:
                return verdict
        return None

    return check


def _signals(event: str) -> Any:
    commands = SIGNALLING[event]

    def check(args: tuple[Any, ...]) -> Any:
        _, command, arg = args
        asks = event == "fcntl.fcntl" and command == SET_FLAGS and (type(arg) is not int or arg & ASYNC)
        if asks or command & 0xFFFFFFFF in commands:
            return Denied, event, f"{command:#x}"
        return None

    return check


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


def _imports(policy: Mapping[str, Any], refused: Callable[[str], bool]) -> Any:
    own = under(policy["stdlib"], policy["unreadable"])
    native = bool(policy["native_code"])
    suffixes = tuple(EXTENSION_SUFFIXES)
    optional = tuple(os.path.join(folder, "concurrent", "futures", "") for folder in policy["stdlib"])

    def check(args: tuple[Any, ...]) -> Any:
        name, file = args[0], args[1]
        if type(name) is str and refused(name):
            if name in BARRED and _by_library(sys._getframe(1), optional):
                return ImportError, "import", name
            return ImportDenied, "import", name
        if native or type(file) is not str or not file.endswith(suffixes):
            return None
        if own(resolved(file)):
            return None
        return ImportDenied, "import", f"{name}: native code in {file!r}"

    return check


def _by_library(frame: Any, folders: tuple[str, ...]) -> bool:
    """Whether it is the standard library that looks whether a module is there, as `concurrent.futures` does."""
    skipped = ("<frozen importlib", os.path.dirname(__file__))
    while frame is not None:
        file = frame.f_code.co_filename
        if type(file) is not str or not file.startswith(skipped):
            return type(file) is str and file.startswith(folders)
        frame = frame.f_back
    return False


# -- sockets ---------------------------------------------------------------------------------------------------------


def _sockets(args: tuple[Any, ...]) -> Any:
    """Sockets that stay within the process, as event loops need them, are no network."""
    return None if args[1] == UNIX else (Denied, "socket.__new__", f"family {_shown(args[1])}")


def _messages(args: tuple[Any, ...]) -> Any:
    return None if args[1] is None else (Denied, "socket.sendmsg", _shown(args[1]))
