"""Pure Python that needs what refuses; it notes each attempt to load it, in the journal that the environment names."""

# pyright: reportUnusedImport=false

import os

from tasks import note

note(int(os.environ["REFUSING_NOTED"]), "loading")

import tracemalloc  # noqa: E402, F401
