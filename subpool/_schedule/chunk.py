"""A chunk: calls of one function that travel as one job, and have an outcome each all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from subpool._wire.payload import decode_error, encode_error, of_result, rebuild, write
from subpool.errors import SerializationError, TaskCancelled

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Chunk", "run_chunk"]


class Chunk:
    """What came of a chunk: the values up to the first failure, and that failure, if there is one."""

    __slots__ = ("failure", "values")

    def __init__(self, values: list[Any], failure: BaseException | None) -> None:
        self.values: list[Any] = values
        self.failure: BaseException | None = failure

    def __reduce__(self) -> Any:
        return _landed, _written(self.values, self.failure)


def run_chunk(function: Callable[..., Any], *calls: tuple[Any, ...]) -> Chunk:
    """Call with each of these arguments in turn, up to the first failure; that of the very first call is raised."""
    values: list[Any] = []
    for args in calls:
        try:
            values.append(function(*args))
        except TaskCancelled:
            raise
        except BaseException as error:  # whatever it is, it is the outcome of this call
            if not values:
                raise
            return Chunk(values, error)
    return Chunk(values, None)


def _written(values: list[Any], failure: BaseException | None) -> tuple[bytes, bytes]:
    """Both as bytes; a value that cannot be written is the failure, and ends the chunk."""
    try:
        return write(values), b"" if failure is None else encode_error(failure)
    except SerializationError:
        for place, value in enumerate(values):
            try:
                write(value)
            except SerializationError as error:
                return write(values[:place]), encode_error(of_result(error))
        raise


def _landed(values: bytes, failure: bytes) -> Chunk:
    return Chunk(rebuild(values), decode_error(failure) if failure else None)
