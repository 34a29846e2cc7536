"""F20, F21 plugins that raise whatever they like, `sys.exit` included: only their own call, task or socket ends."""

from __future__ import annotations

import contextlib

import pytest

from tests.server.conftest import env, launch, server, start_server
from tests.server.harness import ServerProcess, hanami, until
from tests.server.test_plugins_command import distribution
from tests.server.test_sockets import closing, opened, session
from tests.server.test_tasks import create, end

__all__ = ["env", "launch", "server", "start_server"]


@pytest.mark.parametrize("kind", ["quits", "background quits"])
def test_a_task_that_calls_exit_fails_alone(server: ServerProcess, kind: str) -> None:
    children = server.state()["children"]
    host = "" if kind.startswith("background") else "cpu0"
    task = end(server, create(server, 1, partition=f"of {kind}", mode=kind, host=host))
    assert (task["state"], task["error"], task["fence"]) == ("failed", "SystemExit: enough", 1)
    assert server.state()["children"] == children


@pytest.mark.parametrize("message", [b"quit", b"quit later"])
def test_a_session_that_calls_exit_closes_its_socket_alone(server: ServerProcess, message: bytes) -> None:
    children = server.state()["children"]
    with session(server) as other, session(server) as client:
        client.send_binary(message)
        assert closing(client) == 1011
        other.send_binary(b"still here")
        assert other.recv() == b"still here"
    with opened(server, "/live/any/x", header={"X-Auth-Token": "good"}) as client:
        client.recv()
        client.send_binary(b"quit")
        assert closing(client) == 1011
    assert server.state()["children"] == children


def test_a_route_that_calls_exit_answers_500(server: ServerProcess) -> None:
    assert server.request("GET", "/v1/leave", token="good")[0] == 500
    assert server.request("GET", "/v1/echo", token="good")[0] == 200


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("crashes", "ctypes.string_at(0)", "the bootstrap was ended by SIGSEGV; 'hanami plugins' tells"),
        ("vanishes", "os._exit(4)", "bootstrap failed with exit code 4"),
    ],
)
def test_a_start_that_a_plugin_ends_says_so_and_the_plugin_can_be_disabled(
    tmp_path, name: str, text: str, reason: str
) -> None:
    env, data_dir = distribution(tmp_path / "third", {name: text}), tmp_path / "data"
    data_dir.mkdir()
    refused = hanami("serve", "--data-dir", str(data_dir), "--port", "0", env=env)
    assert refused.returncode == 1
    assert reason in refused.stderr
    assert hanami("plugins", "disable", name, "--data-dir", str(data_dir), env=env).returncode == 0


def test_sockets_that_all_hang_cost_their_process_and_not_the_service(start_server) -> None:
    server = start_server(http__handler_timeout=1.5, http__workers=2)
    old = server.child("sidecar cpu0")
    header = {"X-Auth-Token": "good"}
    clients = [opened(server, f"/live/{n}/x", header=header) for n in range(16)]
    with contextlib.ExitStack() as stack:
        for client in [stack.enter_context(one) for one in clients]:
            client.send_binary(b"block")
        until(lambda: server.state()["children"].get("sidecar cpu0", old) != old, 40)
    assert "all threads of the pool 'session' hang" in server.text()
    until(lambda: server.request("GET", "/health/ready")[0] == 200, 30)
    with session(server) as client:
        client.send_binary(b"x")
        assert client.recv() == b"x"
