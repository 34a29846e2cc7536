"""F21 plugin hangs in native code that keeps the interpreter: its process is found silent, and replaced."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import time

import pytest

from tests.server.conftest import env, launch, start_server
from tests.server.harness import ServerProcess, alive, descendants, until
from tests.server.test_tasks import create, end

__all__ = ["env", "launch", "start_server"]

SILENCE, ENOUGH = 2, 20.0


def seized(server: ServerProcess) -> int:
    """Wait for the process that is seized, and return its number."""
    path = server.data_dir / "seizes"
    until(lambda: path.exists() and path.read_text())
    return int(path.read_text().splitlines()[0])


def answers(server: ServerProcess) -> bool:
    with contextlib.suppress(OSError, http.client.HTTPException):
        return bool(server.request("GET", "/v1/echo", token="good", timeout=1)[0] == 200)
    return False


@pytest.mark.parametrize("mode", ["seize", "background seize"])
def test_a_task_that_keeps_the_interpreter_fails_and_others_go_on(start_server, mode: str) -> None:
    server = start_server(processes__silence=SILENCE)
    host = {} if mode == "seize" else {"host": ""}
    lethal = create(server, mode=mode, partition="bad", **host)
    pid = seized(server)
    begin = time.monotonic()
    until(lambda: not alive(pid), ENOUGH, "the process is not replaced")
    assert time.monotonic() - begin > SILENCE / 4
    other = create(server, mode=mode.replace("seize", "count").replace("background count", "background"), **host)
    assert end(server, other, 40)["state"] == "finished"
    task = end(server, lethal, 40)
    assert task["state"] == "failed"
    assert "signal 9" in task["error"]
    assert "process gives no sign of life" in server.text()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_call_that_keeps_the_interpreter_costs_its_process(start_server, workers: int) -> None:
    server = start_server(processes__silence=SILENCE, http__workers=workers)
    with contextlib.suppress(OSError, http.client.HTTPException):
        server.request("GET", "/v1/seize", token="good", timeout=0.5)
    pid = seized(server)
    until(lambda: not alive(pid), ENOUGH, "the process is not replaced")
    until(lambda: answers(server), ENOUGH)


@pytest.mark.parametrize("name", ["sidecar cpu0", "worker", "api"])
def test_a_process_that_was_stopped_is_replaced(start_server, name: str) -> None:
    """Nothing tells a process that somebody has stopped from one that will never go on."""
    server = start_server(processes__silence=SILENCE, http__workers=1)
    pid = server.child(name)
    stopped = min(descendants(pid)) if name == "api" else pid
    os.kill(stopped, signal.SIGSTOP)
    until(lambda: not alive(stopped), ENOUGH, "the process is not replaced")
    until(lambda: answers(server) and server.state()["ready"], 2 * ENOUGH)
    kind = "background" if name == "worker" else "count"
    assert end(server, create(server, mode=kind, host="" if name == "worker" else "cpu0"), 40)["state"] == "finished"
