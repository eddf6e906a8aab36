"""What workers run in `test_model_holes`."""

from __future__ import annotations

from collections.abc import Callable

import tasks

import subpool


class SlowlyRebuilt:
    """Runs a fork whose second callable lets the first one go; it is rebuilt only when a gate has opened."""

    def __init__(self, taken: tasks.Gate, rebuild: tasks.Gate, helped: tasks.Gate) -> None:
        self.gates = taken, rebuild, helped

    def __reduce__(self) -> tuple[Callable[..., object], tuple[tasks.Gate, ...]]:
        return rebuilt, self.gates

    def __call__(self) -> object:
        taken, _, helped = self.gates
        taken.open()
        return subpool.join(helped.wait, lambda: open_it(helped))[1]


def rebuilt(taken: tasks.Gate, rebuild: tasks.Gate, helped: tasks.Gate) -> SlowlyRebuilt:
    taken.open()
    rebuild.wait()
    return SlowlyRebuilt(taken, rebuild, helped)


def open_it(gate: tasks.Gate) -> int | None:
    """Open a gate; where that was."""
    gate.open()
    return subpool.worker_index()
