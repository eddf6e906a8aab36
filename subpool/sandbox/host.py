"""`SandboxHost`: a folder of plugins, each in a sandbox of its own."""

from __future__ import annotations

import logging
from enum import Enum
from importlib import import_module
from pathlib import Path
from threading import Event, RLock, Thread
from typing import TYPE_CHECKING, Any, NamedTuple, Self, Unpack

from subpool.errors import PluginError
from subpool.sandbox.manifest import FILE
from subpool.sandbox.origin import Origin, find
from subpool.sandbox.policy import Policy
from subpool.sandbox.sandbox import Sandbox

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from subpool.sandbox.hearing import Report
    from subpool.sandbox.options import SandboxOptions
    from subpool.task import Task

    Decide = Callable[[str, Policy | None], Policy]

__all__ = ["Changes", "PluginEntry", "PluginState", "SandboxHost"]

log: logging.Logger = logging.getLogger("subpool.sandbox")
LOOK = 0.5
"""Seconds between two looks at the folder, where nothing tells of changes."""


class PluginState(Enum):
    """How a plugin of a host is."""

    FOUND = "found"
    """It is there, and has not been used."""
    RUNNING = "running"
    """It has been loaded."""
    BROKEN = "broken"
    """It cannot be used: `PluginEntry.error` says why."""


class PluginEntry(NamedTuple):
    """One plugin, as `SandboxHost.plugins` lists it."""

    name: str
    path: Path
    state: PluginState
    version: str
    """What its manifest says; empty if it has none."""
    asked: Policy | None
    """The policy that its manifest asks for."""
    error: str
    """What is wrong with it; empty if nothing is."""


class Changes(NamedTuple):
    """What `SandboxHost.refresh` found, by name."""

    added: list[str]
    reloaded: list[str]
    removed: list[str]
    broken: list[str]


class _Place:
    """A plugin at its place in the folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.stem if path.suffix == ".py" else path.name
        self.origin: Origin | None = None
        self.print: object = None
        self.error = ""
        self.sandbox: Sandbox | None = None
        self.look()

    def look(self) -> bool:
        """Look at the files again. Whether they have changed."""
        old = self.print
        try:
            self.origin = find(self.path)
            self.name = self.origin.name
            self.print = self.origin.fingerprint()
            self.error = ""
        except PluginError as error:
            self.origin, self.error = None, str(error)
            self.print = str(error)
        return old != self.print


class SandboxHost:
    """A folder of plugins: each is found, started when it is first used, kept apart from the others, and reloaded.

    Example::

        with subpool.SandboxHost("plugins", watch=True, timeout=5) as host:
            for plugin in host.plugins():
                print(plugin.name, plugin.state)
            host.call("thumbs", "thumbnail", "/srv/images/a.png", returns=bytes)

    Args:
        folder: where the plugins lie: `.py` files, packages, folders with `plugin.toml`. What begins with a dot or an
            underscore is none.
        policy: for all of them; or a function that decides, given a plugin's name and the policy that its manifest asks
            for (None without one).
        watch: reload plugins as soon as their files change, by `watchfiles` where it is installed.
        on_report: called with each `Report`.
        **options: as `Sandbox` takes them.

    Raises:
        NotADirectoryError: there is no such folder.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        policy: Policy | Decide | None = None,
        watch: bool = False,
        on_report: Callable[[Report], object] | None = None,
        **options: Unpack[SandboxOptions],
    ) -> None:
        self.folder: Path = Path(folder).absolute()
        """Where the plugins lie."""
        if not self.folder.is_dir():
            raise NotADirectoryError(f"no folder of plugins at {self.folder}")
        self._policy = policy
        self._options = options
        self._on_report = on_report
        self._places: dict[Path, _Place] = {}
        self._lock = RLock()
        self._end = Event()
        self._closed = False
        self.refresh()
        self._watcher: Thread | None = None
        if watch:
            self._watcher = Thread(target=self._watch, name="subpool-sandbox-watch", daemon=True)
            self._watcher.start()

    # -- what there is ---------------------------------------------------------------------------------------------

    def plugins(self) -> list[PluginEntry]:
        """All plugins of the folder, by name; those too that cannot be used."""
        with self._lock:
            return sorted((self._entry(place) for place in self._places.values()), key=lambda entry: entry.name)

    def _entry(self, place: _Place) -> PluginEntry:
        manifest = place.origin.manifest if place.origin is not None else None
        error = place.error or self._clash(place)
        used = place.sandbox is not None and place.sandbox.loaded
        state = PluginState.BROKEN if error else PluginState.RUNNING if used else PluginState.FOUND
        version = manifest.version if manifest is not None else ""
        return PluginEntry(place.name, place.path, state, version, None if manifest is None else manifest.policy, error)

    def _clash(self, place: _Place) -> str:
        first = next((each for each in self._places.values() if each.name == place.name), place)
        return "" if first is place else f"its name is taken: {first.path} is called {place.name!r}, too"

    def __iter__(self) -> Iterator[str]:
        return iter([entry.name for entry in self.plugins() if entry.state is not PluginState.BROKEN])

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __contains__(self, name: object) -> bool:
        return name in list(iter(self))

    def __getitem__(self, name: str) -> Sandbox:
        """The sandbox of a plugin, made at first use.

        Raises:
            KeyError: there is no plugin of this name.
            PluginError: it cannot be used.
        """
        with self._lock:
            if self._closed:
                raise PluginError("the host is closed", plugin=name)
            place = next((each for each in self._places.values() if each.name == name), None)
            if place is None:
                raise KeyError(name)
            if place.error:
                raise PluginError(place.error, plugin=name)
            if place.sandbox is None:
                place.sandbox = Sandbox(
                    place.path, policy=self._decide(place), on_report=self._on_report, **self._options
                )
            return place.sandbox

    def _decide(self, place: _Place) -> Policy | None:
        if self._policy is None or isinstance(self._policy, Policy):
            return self._policy
        manifest = place.origin.manifest if place.origin is not None else None
        return self._policy(place.name, None if manifest is None else manifest.policy)

    # -- using them ------------------------------------------------------------------------------------------------

    def call(self, plugin: str, function: str, /, *args: Any, returns: Any = Any, timeout: float | None = None) -> Any:
        """Call a function of a plugin. See `Sandbox.call`.

        Raises:
            KeyError: there is no plugin of this name.
        """
        return self[plugin].call(function, *args, returns=returns, timeout=timeout)

    def spawn(
        self, plugin: str, function: str, /, *args: Any, returns: Any = Any, timeout: float | None = None
    ) -> Task[Any]:
        """Have a function of a plugin called in the background. See `Sandbox.spawn`.

        Raises:
            KeyError: there is no plugin of this name.
        """
        return self[plugin].spawn(function, *args, returns=returns, timeout=timeout)

    # -- following the folder --------------------------------------------------------------------------------------

    def refresh(self) -> Changes:
        """Look at the folder again: take in what is new, reload what has changed, let go of what is gone.

        A plugin that cannot be loaded any more goes on in its old form.
        """
        changes = Changes([], [], [], [])
        with self._lock:
            found = {path: None for path in sorted(self.folder.iterdir()) if _is_plugin(path)}
            for path in [path for path in self._places if path not in found]:
                changes.removed.append(self._places[path].name)
                self._drop(self._places.pop(path))
            for path in found:
                place = self._places.get(path)
                if place is None:
                    place = self._places[path] = _Place(path)
                    (changes.broken if place.error else changes.added).append(place.name)
                elif place.look():
                    self._reload(place, changes)
        return changes

    def _reload(self, place: _Place, changes: Changes) -> None:
        try:
            if place.error:
                raise PluginError(place.error)
            if place.sandbox is not None and place.sandbox.loaded:
                place.sandbox.reload()
            changes.reloaded.append(place.name)
        except PluginError as error:
            changes.broken.append(place.name)
            log.warning("%s: not reloaded: %s", place.name, error)

    @staticmethod
    def _drop(place: _Place) -> None:
        if place.sandbox is not None:
            place.sandbox.close()

    def restart(self, name: str) -> None:
        """Load a plugin anew, and forget its state.

        Raises:
            KeyError: there is no plugin of this name.
            PluginError: it cannot be loaded. The old one goes on.
        """
        self[name].reload()

    def _watch(self) -> None:
        for _ in self._wake_ups():
            try:
                self.refresh()
            except Exception:  # the folder may be gone for a moment; whoever watches goes on
                log.exception("%s: could not be looked at", self.folder)

    def _wake_ups(self) -> Iterator[object]:
        """Something each time the folder may have changed, until the host is closed."""
        try:
            watch: Any = import_module("watchfiles").watch
        except ImportError:
            while not self._end.wait(LOOK):
                yield None
        else:
            new = True  # what changed before it has begun to watch, it does not tell: look once more after a while
            for changes in watch(self.folder, stop_event=self._end, yield_on_timeout=True):
                if changes or new:
                    yield None
                new = new and bool(changes)

    # -- life ------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """End all plugins."""
        self._end.set()
        with self._lock:
            self._closed = True
            places, self._places = list(self._places.values()), {}
        if self._watcher is not None:
            self._watcher.join()
        for place in places:
            self._drop(place)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, cls: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<SandboxHost of {len(self._places)} plugins in {str(self.folder)!r}>"


def _is_plugin(path: Path) -> bool:
    if path.name.startswith((".", "_")):
        return False
    if path.is_dir():
        return (path / FILE).is_file() or (path / "__init__.py").is_file()
    return path.suffix == ".py"
