"""Whether a call that was refused may still go elsewhere, and what is remembered of it.

Nothing may run twice. A call may go elsewhere if its function and arguments could not even be rebuilt, or if what
refused was imported by one of the import statements that the function's body opens with. What the imported modules
themselves did as they were loaded, they do again where the call goes: each interpreter imports for itself.
"""

from __future__ import annotations

from functools import partial
from types import CodeType
from typing import TYPE_CHECKING, Any, Final, cast

from subpool._schedule.context import calculate, call_with
from subpool._wire.extensions import refusing_module, remember
from subpool.errors import UnsupportedInSubinterpreter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

__all__ = [
    "NEEDS_HOST",
    "Refusals",
    "Unbuilt",
    "Wrapper",
    "imports",
    "innermost",
    "name_of",
    "needs_host",
    "refusal_in",
    "refused_outcome",
    "told",
    "unbuilt",
]

NEEDS_HOST: Final = "_subpool_needs_host"
"""The attribute of a function that must not run in a subinterpreter."""
PASSED_OVER: Final = frozenset({"RESUME", "NOP", "COPY_FREE_VARS", "MAKE_CELL", "CACHE", "EXTENDED_ARG"})
CONSTANTS: Final = frozenset({"LOAD_CONST", "LOAD_SMALL_INT", "LOAD_COMMON_CONSTANT"})
BINDING: Final = frozenset({"SWAP", "POP_TOP"})
OPENING: Final = "(CCN[FB]*)*CCN([FB]*F)?"
"""Import statements, each of them two constants, the import by name, and what binds it and what it takes from it."""


class Unbuilt(ImportError):  # noqa: N818 - it carries the error
    """A call that travelled inside another one has not begun, since a module refused; its cause says which."""


class Wrapper:
    """Base of what the pool itself hands out in place of the user's own function, which is its `func`."""

    __slots__ = ()

    @property
    def func(self) -> Any:
        """The function of the user's that is called first."""
        raise NotImplementedError

    @property
    def _subpool_needs_host(self) -> bool:
        """See `NEEDS_HOST`."""
        return False


def needs_host(call: Any) -> bool:
    """Whether a callable was marked by `subpool.needs_host`."""
    return getattr(call, NEEDS_HOST, False) is True or (
        isinstance(call, partial) and needs_host(cast("Any", call).func)
    )


def innermost(function: Any, args: tuple[Any, ...] = ()) -> tuple[Any, tuple[Any, ...]]:
    """The user's own function beneath what wraps it, and its arguments."""
    while True:
        if isinstance(function, partial):
            args = (*function.args, *args, *function.keywords.values())
            function = function.func  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
        elif isinstance(function, Wrapper):
            function = function.func
        elif (function is calculate or function is call_with) and len(args) == 3:
            _, function, args = args
        else:
            return function, args  # pyright: ignore[reportUnknownVariableType]


# -- in the interpreter where it was refused -----------------------------------------------------------------------


def unbuilt(error: BaseException) -> bool:
    """Whether this says that the very call that raised it could not be rebuilt."""
    return isinstance(error, Unbuilt) and _first_frame(error) is None


def refused_outcome(error: BaseException | None) -> bytes | None:
    """How a call goes home that could not be rebuilt since a module refused: which, and what is needed for it."""
    module = refusing_module(error, lenient=True)
    return None if module is None or error is None else f"{module}\n{remember(error, module)}".encode()


def refusal_in(error: BaseException, function: Callable[..., Any], args: tuple[Any, ...]) -> bytes | None:
    """The same for a call that had begun, if nothing of it has run but the imports that open its function's body."""
    module = refusing_module(error)
    if module is None or not _opening(error, function, args):
        return None
    remember(error, module)
    return f"{module}\n".encode()


def told(error: BaseException) -> BaseException:
    """The error of a call that has run: where a module refused in the midst of it, one that says so."""
    if isinstance(error, UnsupportedInSubinterpreter):
        return error
    module = refusing_module(error)
    if module is None:
        return error
    unsupported = UnsupportedInSubinterpreter(
        f"module {module} does not load in a subinterpreter, and the call that imported it had begun: it cannot be run "
        "again elsewhere; import the module first thing in the function, or mark the function with subpool.needs_host",
        name=module,
    )
    unsupported.__cause__ = error
    return unsupported


def _opening(error: BaseException, function: Callable[..., Any], args: tuple[Any, ...]) -> bool:
    code = _code_of(innermost(function, args)[0])
    first = _first_frame(error)
    return first is not None and first.tb_frame.f_code is code and opens_with(first.tb_frame.f_code, first.tb_lasti)


def imports(function: object) -> bool:
    """Whether a function's own code imports anything."""
    from opcode import opmap

    code = _code_of(innermost(function)[0])
    return code is not None and opmap["IMPORT_NAME"] in code.co_code[::2]


def _code_of(own: Any) -> CodeType | None:
    called: Any = getattr(own, "__code__", None) or getattr(own, "__call__", None)  # noqa: B004 - a bound method
    return getattr(called, "__code__", called if isinstance(called, CodeType) else None)


def _first_frame(error: BaseException) -> TracebackType | None:
    """The first entry of a traceback that is not of the pool's own code."""
    step = error.__traceback__
    while step is not None and str(step.tb_frame.f_globals.get("__name__", "")).startswith("subpool._"):
        step = step.tb_next
    return step


def opens_with(code: CodeType, offset: int) -> bool:
    """Whether the instruction at this offset imports, in the unguarded imports that the code opens with."""
    import dis
    from re import fullmatch

    kinds = ""
    for each in dis.get_instructions(code):
        kinds += _kind(each.opname)
        if each.offset == offset:
            table: Any = dis.Bytecode(code)
            guarded = any(entry.start <= offset < entry.end for entry in table.exception_entries)
            return fullmatch(OPENING, kinds) is not None and not guarded
    return False


def _kind(operation: str) -> str:
    if operation in PASSED_OVER:
        return ""
    if operation in CONSTANTS:
        return "C"
    if operation in ("IMPORT_NAME", "IMPORT_FROM"):
        return operation[7]
    return "B" if operation in BINDING or operation.startswith("STORE_") else "x"


# -- in the interpreter that owns the call -------------------------------------------------------------------------


class Refusals:
    """What an interpreter knows of the calls that others have refused."""

    def __init__(self) -> None:
        self.any: bool = False
        """Whether anything was refused yet."""
        self._modules: dict[str, str] = {}
        self._functions: dict[tuple[object, object], str] = {}

    def learn(self, call: object, args: tuple[Any, ...], outcome: str) -> str:
        """Take in how a call came home; the module that refused."""
        self.any = True
        module, _, needed = outcome.partition("\n")
        function, _ = innermost(call, args)
        if needed:
            self._modules[needed] = module
        if not needed or _by_value(function):
            self._functions[name_of(function)] = module
        return module

    def of(self, call: object, args: tuple[Any, ...] = ()) -> str | None:
        """The module that refuses for this call, as far as its function and the types of its arguments tell."""
        if not self.any:
            return None
        function, args = innermost(call, args)
        known = self._functions.get(name_of(function))
        if known is None and self._modules:
            known = next(filter(None, map(self._of_module, _homes(function, args))), None)
        return known

    def _of_module(self, name: str) -> str | None:
        while name:
            if name in self._modules:
                return self._modules[name]
            name = name.rpartition(".")[0]
        return None


def name_of(function: Any) -> tuple[object, object]:
    """What a function is remembered by."""
    return getattr(function, "__module__", None), getattr(function, "__qualname__", cast("Any", type(function)))


def _homes(function: object, args: tuple[Any, ...]) -> Iterator[str]:
    for subject in (function, *map(type, args)):
        module = getattr(subject, "__module__", None)
        if isinstance(module, str):
            yield module


def _by_value(function: object) -> bool:
    module, name = name_of(function)
    return module == "__main__" or "<" in str(name)
