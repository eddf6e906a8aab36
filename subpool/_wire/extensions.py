"""Extension modules that refuse to load in a subinterpreter: noticed where the import system loads them.

What refuses tells so in its own way: CPython's check, Cython's, PyO3's; and the message of CPython's first attempt
names the module without its package. So the two steps in which the import system loads an extension, making the module
and running it, are watched in this interpreter: whatever fails there is marked with the module's full name. The mark is
found again through `__cause__` and `__context__`, since packages like to wrap it in errors of their own.

A refusal is for good. What refused, and the modules whose import failed for it, refuse again at once.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["failed", "mark", "modules_of", "refused", "refusing_module", "remember", "watch"]

MARK: Final = "_subpool_refused"
"""The attribute of an exception that names the extension module which raised it to refuse."""
SAYS: Final = "does not support loading in subinterpreters"
"""What CPython's own check says."""
ALSO_SAY: Final = ("interpreter", "once per process")
"""What others say: Cython's modules that the process has loaded elsewhere, PyO3's, NumPy's."""
CHAIN: Final = 16

refused: dict[str, str] = {}
"""The extension modules that refused to load in this interpreter, and what each said."""
failed: dict[str, str] = {}
"""The modules whose import failed since they need one of those, and which."""


def watch() -> None:
    """Notice from now on what refuses to load in this interpreter."""
    import _imp

    loaders: Any = _imp
    for step in ("create_dynamic", "exec_dynamic", "create_builtin", "exec_builtin"):
        setattr(loaders, step, _watched(getattr(loaders, step)))


def _watched(load: Callable[..., Any]) -> Callable[..., Any]:
    def watched(subject: Any, *rest: Any) -> Any:
        name = subject.name if hasattr(subject, "submodule_search_locations") else subject.__name__
        if name in refused:
            raise mark(ImportError(refused[name], name=name), name)
        try:
            return load(subject, *rest)
        except Exception as error:
            if _refuses(error) and refusing_module(error) in (None, name, name.rpartition(".")[2]):
                refused[name] = str(error)
                mark(error, name)
            raise

    return watched


def _refuses(error: Exception) -> bool:
    text = str(error)
    return isinstance(error, ImportError) and any(words in text.lower() for words in ALSO_SAY)


def mark[E: BaseException](error: E, name: str) -> E:
    """Note on an exception which module refused by it."""
    setattr(error, MARK, name)
    if isinstance(error, ImportError) and error.name is None:
        error.name = name
    return error


def refusing_module(error: BaseException | None, *, lenient: bool = False) -> str | None:
    """The extension module that refused, if that is what the error comes from.

    What was raised while a refusal was handled comes from it if it is an `ImportError` itself; any error does to who is
    `lenient`.
    """
    for _ in range(CHAIN):
        if error is None:
            return None
        name = getattr(error, MARK, None) or _by_message(error)
        if name is not None:
            return str(name)
        implied = error.__context__ if lenient or isinstance(error, ImportError) else None
        error = error.__cause__ or implied
    return None


def _by_message(error: BaseException) -> str | None:
    """The name in CPython's own message, for what was loaded in ways that nobody watches."""
    if not isinstance(error, ImportError) or SAYS not in str(error):
        return None
    return error.name or str(error).partition("module ")[2].partition(" ")[0] or "?"


def modules_of(error: BaseException) -> Iterator[str]:
    """The modules whose import an error has ended, from the outermost on."""
    step = error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_name == "<module>":
            name = step.tb_frame.f_globals.get("__name__")
            if isinstance(name, str) and name not in sys.modules:
                yield name
        step = step.tb_next


def remember(error: BaseException, module: str) -> str:
    """Have the modules that could not be imported refuse at once from now on; the outermost of them, or the module."""
    names = list(modules_of(error))
    if not failed and names:
        sys.meta_path.insert(0, Remembering())  # type: ignore[arg-type, unused-ignore]
    for name in names:
        failed.setdefault(name, module)
    return names[0] if names else module


class Remembering:
    """Finds the modules that are known to fail, in place of whoever would have tried again."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """A specification that fails at once, or None for all other modules."""
        return ModuleSpec(name, Refuser(failed[name])) if name in failed else None  # type: ignore[arg-type]


class Refuser:
    """Loads nothing."""

    def __init__(self, module: str) -> None:
        self.module = module

    def create_module(self, spec: ModuleSpec) -> Any:
        """Refuse, as the extension module did that this one needs.

        Raises:
            ImportError: always.
        """
        text = f"{spec.name} needs {self.module}, which {SAYS}"
        raise mark(ImportError(text, name=spec.name), self.module)

    def exec_module(self, module: Any) -> None:
        """Never called: there is no module."""
