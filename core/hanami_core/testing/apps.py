"""The whole application in this process, with a worker and without sidecars, for tests.

What speaks HTTP is no part of core, and neither is how one logs in. Both are found by entry points that the
distributions of a server declare in the group ``hanami.testing``:

* ``client``: called with a runtime, returns a client that sends it requests and opens websockets, such as Falcon's
  `TestClient` with a method ``open_socket(SocketRequest, message)`` that returns a `SocketOutcome`;
* ``app``: a subclass of `App` that speaks the API which users see; without one, `App` itself is used;
* ``server``: called with a data directory and settings, returns a `Server` of real processes.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, ClassVar, Protocol, Self

from hanami_core.plugin_host import EntryPoint, PluginHost, installed_plugins
from hanami_core.roles import Role
from hanami_core.runtime import Runtime
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
        """Make the data directory, serve it, and wait until the server is ready."""

    def resume(self) -> None:
        """Serve what is in the data directory, after `stop`."""

    def stop(self) -> None:
        """End all processes."""

    def __enter__(self) -> Self:
        """Start it."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Stop it."""


class App:
    """The application on a data directory of its own, with all installed plugins, and with one admin.

    Attributes:
        runtime: the process' runtime; ``runtime.plugins.plugins`` tells how each plugin does.
        http: what sends requests to the application.
        worker: runs tasks that need no compute host.
    """

    admin: ClassVar[tuple[str, str, str]] = ("asdf", "asdf", "asdfasdf")
    """Identifier, name and passphrase of the admin."""
    settings: ClassVar[Mapping[str, object]] = {}
    """Settings that hold unless others are given."""

    def __init__(self, directory: Path, *more: EntryPoint, **settings: object) -> None:
        """Open it.

        Args:
            directory: data directory, made if there is none.
            more: plugins besides the installed ones (`plugin_point`).
            settings: values by name, with two underscores for the dot.
        """
        given = {name.replace("__", "."): value for name, value in settings.items()}
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        plugins = PluginHost([*installed_plugins(), *more])
        self.runtime = Runtime.open(directory, Role.MIGRATE, dict(self.settings) | given, {}, plugins)
        try:
            if self.runtime.identity is not None:
                self.runtime.identity.create_admin(*self.admin)
            self.http: Any = _found("client")(self.runtime)
        except BaseException:
            self.runtime.close()
            raise
        self._ends = ExitStack()
        self._ends.callback(self.runtime.close)
        self.worker = self._ends.enter_context(worker(self.runtime))

    def close(self) -> None:
        """End the worker, let the plugins end and close the storage."""
        self._ends.close()

    def __enter__(self) -> Self:
        """Return the application."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Close it."""
        self.close()


def plugin_point(name: str, module: ModuleType | Any) -> EntryPoint:
    """Return a module, or what looks like one, as if a distribution had it as the plugin `name`."""
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
    return {point.name: point for point in importlib.metadata.entry_points(group=GROUP)}
