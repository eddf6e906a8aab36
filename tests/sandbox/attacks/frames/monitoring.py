"""Registers a callback of `sys.monitoring`, which could raise amid other code."""

EXPECTED = "refused"
import sys


def attack(aim):
    tool = 1
    sys.monitoring.use_tool_id(tool, "spy")
    try:
        sys.monitoring.register_callback(tool, sys.monitoring.events.PY_START, lambda *event: None)
    finally:
        sys.monitoring.free_tool_id(tool)
