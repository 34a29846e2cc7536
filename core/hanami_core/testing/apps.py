"""The whole application in this process, with a worker and if wanted a compute host, for tests.

What speaks HTTP is not part of core, and neither is how one logs in. Both are found by entry points that the
distributions of a server declare in the group ``hanami.testing``:

* ``client``: called with a runtime, returns a client that sends it requests and opens websockets, such as Falcon's
  `TestClient` with a method ``open_socket(SocketRequest, message)`` that returns a `SocketOutcome`;
* ``app``: a subclass of `App` that speaks the API which users see; without one, `App` itself is used;
* ``server``: called with a data directory and settings, returns a `Server` of real processes.
"""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, ClassVar, Protocol, Self

from hanami_core.plugin_host import EntryPoint, PluginHost, installed_plugins
from hanami_core.roles import Role
from hanami_core.runtime import Runtime
from hanami_core.testing.prepared import prepare
from hanami_core.testing.workers import worker

__all__ = ["GROUP", "App", "Server", "app_class", "plugin_point", "server_factory"]

GROUP = "hanami.testing"


class Server(Protocol):
    """A server of real processes, with one admin. A context manager that starts and stops it."""

    data_dir: Path
    user: str
    passphrase: str
    address: str

    def start(self) -> Self:
        """Create the data directory, serve it, and wait until the server is ready."""

    def resume(self) -> None:
        """Serve what is in the data directory, after `stop`."""

    def stop(self) -> None:
        """End all processes."""

    def __enter__(self) -> Self:
        """Start it."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Stop it."""


class App:
    """The application with its own data directory, all installed plugins and one admin.

    Attributes:
        runtime: the process' runtime; ``runtime.plugins.plugins`` shows the state of each plugin.
        http: client that sends requests to the application.
        worker: runs tasks that need no compute host.
        sidecar: runs tasks of the compute host, if there is one.
    """

    admin: ClassVar[tuple[str, str, str]] = ("asdf", "asdf", "asdfasdf")
    """Identifier, name and passphrase of the admin."""
    settings: ClassVar[Mapping[str, object]] = {}
    """Settings that hold unless others are given."""

    def __init__(self, directory: Path, *more: EntryPoint, compute: str = "", **settings: object) -> None:
        """Open it.

        Args:
            directory: data directory, made if there is none.
            more: plugins besides the installed ones (`plugin_point`).
            compute: name of a compute host that this process runs, as the host's sidecar does; else none is run, so
                tasks of clusters wait, and websockets to live networks do not open.
            settings: values by name, with two underscores for the dot.
        """
        flags = dict(self.settings) | {name.replace("__", "."): value for name, value in settings.items()}
        if "storage.database" not in flags:
            prepare(directory)
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with ExitStack() as ends:
            self.runtime = self._prepared(directory, more, flags)
            if compute:
                self.runtime.close()
                self.runtime = _opened(directory, Role.SIDECAR, more, flags)
            ends.callback(self.runtime.close)
            if compute:
                self.runtime.start_compute(compute)
            self.http: Any = _found("client")(self.runtime)
            self.worker = ends.enter_context(worker(self.runtime))
            self.sidecar = ends.enter_context(worker(self.runtime, host=compute)) if compute else None
            self._ends = ends.pop_all()

    def _prepared(self, directory: Path, more: Sequence[EntryPoint], flags: Mapping[str, object]) -> Runtime:
        runtime = _opened(directory, Role.MIGRATE, more, flags)
        try:
            if runtime.identity is not None:
                runtime.identity.create_admin(*self.admin)
        except BaseException:
            runtime.close()
            raise
        return runtime

    def close(self) -> None:
        """Stop the worker, shut down the plugins and close the storage."""
        self._ends.close()

    def __enter__(self) -> Self:
        """Return the application."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Close it."""
        self.close()


def _opened(directory: Path, role: Role, more: Sequence[EntryPoint], flags: Mapping[str, object]) -> Runtime:
    return Runtime.open(directory, role, flags, {}, PluginHost([*_plugins(tuple(sys.path)), *more]))


@cache
def _plugins(path: tuple[str, ...]) -> list[EntryPoint]:
    """Return the plugins that are installed on a path; to look for them takes longer than most of what tests ask."""
    return installed_plugins()


def plugin_point(name: str, module: ModuleType | Any) -> EntryPoint:
    """Return a module, or an object that looks like one, as if a distribution contained it as the plugin `name`."""
    return EntryPoint(name, "under-test", "0", lambda: module)


def app_class() -> type[App]:
    """Return the class of the application that speaks the API which users see."""
    found = _points().get("app")
    return App if found is None else found.load()


def server_factory() -> Any:
    """Return what makes a `Server` of a data directory and settings."""
    return _found("server")


def _found(name: str) -> Any:
    points = _points()
    if name not in points:
        raise LookupError(f"no installed distribution has an entry point '{name}' in the group {GROUP}")
    return points[name].load()


def _points() -> dict[str, importlib.metadata.EntryPoint]:
    return _points_on(tuple(sys.path))


@cache
def _points_on(path: tuple[str, ...]) -> dict[str, importlib.metadata.EntryPoint]:
    return {point.name: point for point in importlib.metadata.entry_points(group=GROUP)}
