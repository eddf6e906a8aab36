"""Replaces modules and their functions, hoping that the host uses the same."""

EXPECTED = "contained"
import json
import os
import sys


def attack(aim):
    json.dumps = json.loads = os.system = len
    sys.modules["json"] = sys.modules["os"] = sys
    sys.path[:] = ["/nowhere"]
    os.environ["PATH"] = "/nowhere"
    return 1
