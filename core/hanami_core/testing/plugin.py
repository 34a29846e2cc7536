"""The plugin of pytest: fixtures for tests of plugins. Loaded in every run of pytest, so it imports nothing at start.

A project that has fixtures of the same names keeps its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from hanami_core.testing.apps import App, Server

__all__ = ["app", "make_app", "make_server", "server"]


@pytest.fixture
def make_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., App]]:
    """Return a function that opens an application which ends with the test.

    It takes plugins besides the installed ones, settings and the name of a compute host, as
    `hanami_core.testing.apps.App` does; ``directory`` names a data directory, else it is a new one. Only the latest
    application of a test can be used: models belong to one database.
    """
    from hanami_core.testing.apps import app_class

    with ExitStack() as opened:

        def make(*plugins: object, directory: object = None, **settings: object) -> App:
            folder = directory or tmp_path_factory.mktemp("app") / "data"
            return opened.enter_context(app_class()(folder, *plugins, **settings))  # type: ignore[arg-type]

        yield make


@pytest.fixture
def app(make_app: Callable[..., App]) -> App:
    """The whole application in this process, with all installed plugins and one admin."""
    return make_app()


@pytest.fixture(scope="session")
def make_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    """Return a function that starts a server of real processes, which ends with the session or the block it is used in.

    It takes settings as `make_app` does. Plugins must be installed, or lie on PYTHONPATH with their metadata.
    """
    from hanami_core.testing.apps import server_factory

    with ExitStack() as started:

        def make(**settings: object) -> Server:
            given = {name.replace("__", "."): value for name, value in settings.items()}
            running: Server = server_factory()(tmp_path_factory.mktemp("server") / "data", settings=given)
            return started.enter_context(running)

        yield make


@pytest.fixture(scope="session")
def server(make_server: Callable[..., Server]) -> Server:
    """A server for all tests that do not harm it."""
    return make_server()
