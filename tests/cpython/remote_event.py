"""An event that every interpreter of the process sees, for suites that hand one to workers."""

from __future__ import annotations

from dataclasses import dataclass

from tasks import Gate


@dataclass(frozen=True)
class RemoteEvent:
    """A gate under the names of `threading.Event`."""

    gate: Gate

    def set(self) -> None:
        self.gate.open()

    def wait(self) -> None:
        self.gate.block()
