"""A chunk: calls of one function that travel as one job, and have an outcome each all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from subpool._schedule.refusal import Wrapper, needs_host, told
from subpool._wire.payload import decode_error, encode_error, of_result, rebuild, write
from subpool.errors import SerializationError, TaskCancelled

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Chunk", "ChunkCall"]


class Chunk:
    """What came of a chunk: the values up to the first failure, and that failure, if there is one."""

    __slots__ = ("failure", "values")

    def __init__(self, values: list[Any], failure: BaseException | None) -> None:
        self.values: list[Any] = values
        self.failure: BaseException | None = failure

    def __reduce__(self) -> Any:
        return _landed, _written(self.values, self.failure)


class ChunkCall(Wrapper):
    """Calls a function with each of the arguments that it is given, in turn, up to the first failure."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *calls: tuple[Any, ...]) -> Chunk:
        """What came of it. If the very first call fails, that is raised: nothing else of the chunk has run."""
        function, values = self._function, list[Any]()
        for args in calls:
            try:
                values.append(function(*args))
            except TaskCancelled:
                raise
            except BaseException as error:  # whatever it is, it is the outcome of this call
                if not values:
                    raise
                return Chunk(values, told(error))
        return Chunk(values, None)

    @property
    def func(self) -> Callable[..., Any]:
        """The function."""
        return self._function

    @property
    def _subpool_needs_host(self) -> bool:
        return needs_host(self._function)

    def __reduce__(self) -> Any:
        return ChunkCall, (self._function,)


def _written(values: list[Any], failure: BaseException | None) -> tuple[bytes, bytes]:
    """Both as bytes; a value that cannot be written is the failure, and ends the chunk."""
    try:
        return write(values, lend=True), b"" if failure is None else encode_error(failure)
    except SerializationError:
        for place, value in enumerate(values):
            try:
                write(value)
            except SerializationError as error:
                return write(values[:place], lend=True), encode_error(of_result(error))
        raise


def _landed(values: bytes, failure: bytes) -> Chunk:
    return Chunk(rebuild(values), decode_error(failure) if failure else None)
