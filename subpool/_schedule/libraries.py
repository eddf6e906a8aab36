"""Whose code is never interrupted."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import CodeType

__all__ = ["Libraries", "stdlib"]

HERE: Final = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
INSTALLED: Final = ("site-packages", "dist-packages")
"""Directories within the standard library's own whose code is not the standard library's."""


def stdlib() -> set[str]:
    """The directories of the standard library's own modules."""
    import sysconfig  # not before somebody has to be stopped: every worker would pay for it

    paths = sysconfig.get_paths()
    return {os.path.dirname(os.__file__), paths["stdlib"], paths["platstdlib"]}


class Libraries:
    """The code of the standard library, and subpool's wherever that is installed; not what is installed beside it."""

    def __init__(self, folders: Iterable[str], subpool: str = HERE) -> None:
        """The standard library lies in these folders, subpool in that one."""
        self._subpool = subpool + os.sep
        self._stdlib = ("<frozen", *(folder + os.sep for folder in folders))
        self._installed = tuple(os.path.join(folder, name, "") for folder in folders for name in INSTALLED)

    def __contains__(self, code: CodeType) -> bool:
        path = code.co_filename
        if path.startswith(self._subpool):
            return True
        return path.startswith(self._stdlib) and not path.startswith(self._installed)
