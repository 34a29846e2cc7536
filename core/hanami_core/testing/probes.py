"""Plugins that suites add to an application, to look at another plugin from inside.

Must not know what is examined.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from hanami_core import hookimpl
from hanami_core.access import ANY_ROLE, Access, Action
from hanami_core.events import Event
from hanami_core.http import Api, Route
from hanami_core.identity import Authenticator
from hanami_core.plugin_host import EntryPoint
from hanami_core.sockets import Reply, SocketConnection, SocketTarget
from hanami_core.testing.apps import App, app_class, plugin_point

if TYPE_CHECKING:
    from hanami_core.runtime import Runtime

__all__ = ["ProbeSession", "ProbeTarget", "opened", "probe_point"]


@contextmanager
def opened(
    directory: Path, plugins: Sequence[EntryPoint], settings: dict[str, object], compute: str = ""
) -> Iterator[App]:
    """Open an application with plugins besides the installed ones, and see that all of these work; see `App`.

    Raises:
        AssertionError: if one of `plugins` is broken; the text says why.
    """
    with app_class()(directory, *plugins, compute=compute, **settings) as app:
        for point in plugins:
            plugin = app.runtime.plugins.plugins[point.name]
            assert plugin.works, f"the plugin {plugin.name} does not work: {plugin.reason}"
        yield app


def probe_point(
    name: str,
    *,
    apis: Sequence[Api] = (),
    routes: Callable[[Runtime], Sequence[Route]] | None = None,
    targets: Sequence[SocketTarget] = (),
    schemes: Sequence[Authenticator] = (),
    watch: Callable[[Event], object] | None = None,
) -> EntryPoint:
    """Return a plugin that contributes some things, and tells `watch` of all events.

    `routes` are made when the Apis of all plugins are known.
    """
    module = ModuleType(name)
    hooks: dict[str, Callable[..., object]] = {
        "hanami_apis": lambda: apis,
        "hanami_authenticators": lambda: schemes,
        "hanami_routes": lambda runtime: routes(runtime) if routes is not None else (),
        "hanami_socket_targets": lambda: targets,
    }
    if watch is not None:
        hooks["hanami_event"] = lambda event: watch(event)
    for hook, function in hooks.items():
        setattr(module, hook, hookimpl(function))
    return plugin_point(name, module)


class ProbeSession:
    """A session that repeats what it gets."""

    def receive(self, message: bytes | str) -> Reply:
        """Return the message."""
        return message

    def close(self) -> None:
        """Release nothing."""


class ProbeTarget(SocketTarget):
    """A target of websockets that remembers who has opened it.

    Attributes:
        place: path that chooses it, empty if a first message does; may change until a websocket comes.
        opened_by: who has opened it, the latest one first.
        resource: what the latest one named.
    """

    name = "conformance"

    def __init__(self, name: str, place: str = "") -> None:
        """Be open to all roles."""
        self.name = name
        self.place = place
        self.opened_by: list[Access] = []
        self.resource = ""

    @property
    def action(self) -> Action:
        """What opening it is."""
        return Action("conformance.open", "GET", "", "read", (ANY_ROLE,))

    @property
    def path(self) -> str:
        """Path that chooses it."""
        return self.place

    def open(self, runtime: Runtime, access: Access, uuid: str, connection: SocketConnection) -> ProbeSession:
        """Remember who it was."""
        self.opened_by.insert(0, access)
        self.resource = uuid
        return ProbeSession()
