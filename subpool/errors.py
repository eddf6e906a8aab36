"""What subpool raises and warns of, all but `BrokenPoolError`. The ground floor: imports nothing of subpool."""

from __future__ import annotations

__all__ = [
    "PluginError",
    "PluginTypeError",
    "PolicyViolation",
    "PoolClosedError",
    "RemoteError",
    "RemoteTraceback",
    "SerializationError",
    "SubpoolError",
    "TaskCancelled",
    "UnsupportedInSubinterpreter",
    "UnsupportedWarning",
    "WorkerLostError",
]


class SubpoolError(Exception):
    """Base of the errors that subpool itself raises."""


class SerializationError(SubpoolError, TypeError):
    """A value could not be written for another interpreter, or not be rebuilt there.

    The message says which value it was and where in it the culprit sits, for example
    ``args[1]["handlers"][0].stream: _io.TextIOWrapper``.
    """


class RemoteError(SubpoolError):
    """Stands for an exception of a worker that could not itself cross to the caller.

    Attributes:
        type_name: qualified name of the original exception's class.
        message: ``str()`` of the original exception.
        traceback_text: the formatted traceback in the worker.
    """

    def __init__(self, type_name: str, message: str, traceback_text: str = "") -> None:
        super().__init__(type_name, message, traceback_text)
        self.type_name = type_name
        self.message = message
        self.traceback_text = traceback_text

    def __str__(self) -> str:
        return f"{self.type_name}: {self.message}"


class RemoteTraceback(Exception):  # noqa: N818 - a carrier of text, as in concurrent.futures.process
    """Carries the text of a worker's traceback; it is the ``__cause__`` of the exception that crossed."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return f'\n"""\n{self.text}"""'


class TaskCancelled(BaseException):
    """Raised inside a running task that was asked to stop. Let it pass: clean up in ``finally``."""


class UnsupportedInSubinterpreter(SubpoolError, ImportError):  # noqa: N818 - the name is part of the public face
    """A module that refuses to load in a subinterpreter was needed where nothing else could run the work."""


class UnsupportedWarning(RuntimeWarning):
    """Work was moved to its fallback lane because a module refuses to load in a subinterpreter."""


class PoolClosedError(SubpoolError, RuntimeError):
    """The pool was used after ``close()``."""


class WorkerLostError(SubpoolError, RuntimeError):
    """The worker that ran a task ended without giving it back."""


class PluginError(SubpoolError):
    """A plugin could not be loaded, or a function of it failed. It tells of the plugin's exception, and is never it.

    Attributes:
        plugin: the plugin's name.
        function: the function that was called; empty if the plugin as a whole is meant.
        type_name: qualified name of the class of the plugin's own exception, `SystemExit` and the like included.
        message: ``str()`` of the plugin's own exception.
        traceback_text: the formatted traceback in the plugin; empty if its code was not reached.
    """

    def __init__(
        self, message: str, *, plugin: str = "", function: str = "", type_name: str = "", traceback_text: str = ""
    ) -> None:
        super().__init__(message)
        self.plugin = plugin
        self.function = function
        self.type_name = type_name
        self.message = message
        self.traceback_text = traceback_text

    def __str__(self) -> str:
        where = f"{self.plugin}.{self.function}" if self.function else self.plugin
        what = f"{self.type_name}: {self.message}" if self.type_name else self.message
        return f"{where}: {what}" if where else what


class PluginTypeError(PluginError, TypeError):
    """An argument or a result of a plugin's function is not of the type that was declared, or cannot cross.

    Attributes:
        path: where the culprit sits: ``args[0].width`` in an argument, ``result.items[2]`` in a result.
    """

    path: str = ""


class PolicyViolation(PluginError):  # noqa: N818 - the name is part of the public face
    """A plugin did what its `Policy` does not allow. Raised inside the plugin, and by the call if it lets it pass.

    Inside, it is an `ImportError` as well where an import statement was refused, and a `PermissionError` elsewhere, so
    that code which can do without goes on.
    """
