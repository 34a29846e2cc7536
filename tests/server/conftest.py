"""A runtime in this process, and real servers, both with the stub plugin of these tests."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from falcon import testing

from hanami_core.plugin_host import EntryPoint, PluginHost
from hanami_core.runtime import Runtime
from hanami_core.testing.prepared import prepare
from tests.server import harness

HERE = Path(__file__).parent
PLUGINS = {
    "database_sqlite": "hanami_plugins.database_sqlite",
    "blobs_files": "hanami_plugins.blobs_files",
    "server_stub": "server_stub",
    "server_stub_compute": "server_stub_compute",
    "server_stub_streams": "server_stub_streams",
}
GROUPS = {"hanami.plugins": PLUGINS, "hanami.cli": {"server": "hanami_server.commands"}}

StartServer = Callable[..., harness.ServerProcess]


@pytest.fixture(scope="session")
def env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Environment of programs that see the stub plugin."""
    folder = harness.install(tmp_path_factory.mktemp("distribution"), GROUPS)
    return harness.environment(folder, HERE)


def open_runtime(data_dir: Path, flags: Mapping[str, object] | None = None) -> Runtime:
    """Open a runtime with the stub plugin in this process."""
    names = PLUGINS | {name: f"tests.server.{name}" for name in PLUGINS if name.startswith("server_stub")}
    points = [
        EntryPoint(name, "hanami", "0", lambda module=module: importlib.import_module(module))
        for name, module in names.items()
    ]
    prepare(data_dir)
    return Runtime.open(data_dir, "migrate", flags or {}, plugins=PluginHost(points), environ={})


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    opened = open_runtime(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def client(runtime: Runtime) -> testing.TestClient:
    from hanami_server.app import create_app

    return testing.TestClient(create_app(runtime), headers={"X-Auth-Token": "good"})


@pytest.fixture(scope="session")
def launch(env: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> StartServer:
    """Start a server, whose REST one process answers unless the test says otherwise; the caller ends it."""

    def start(data_dir: Path | None = None, **flags: object) -> harness.ServerProcess:
        directory = data_dir or tmp_path_factory.mktemp("data")
        given = {name.replace("__", "."): value for name, value in flags.items()}
        server = harness.ServerProcess(directory, env, {"http.workers": 1, **given})
        try:
            return server.start()
        except BaseException:
            server.kill()
            raise

    return start


@pytest.fixture
def start_server(launch: StartServer) -> Iterator[StartServer]:
    """Start servers that end with the test."""
    started: list[harness.ServerProcess] = []

    def start(data_dir: Path | None = None, **flags: object) -> harness.ServerProcess:
        started.append(launch(data_dir, **flags))
        return started[-1]

    yield start
    for server in started:
        server.kill()


@pytest.fixture(scope="session")
def server(launch: StartServer) -> Iterator[harness.ServerProcess]:
    """Server that no test may harm. What it allows is allowed to each process that answers REST, so it has one."""
    with launch(server_stub__hosts="cpu0,cpu1", http__workers=1, sockets__timeout=2, http__timeout=2) as running:
        yield running
