"""The life of a server: start, restart of what dies, end, and who may use a data directory."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator

import pytest

from hanami_core import localsocket
from hanami_server.paths import control_path
from tests.server.harness import PROGRAM, START_TIMEOUT, ServerProcess, alive, descendants, hanami, until

pytestmark = pytest.mark.usefixtures("fresh")


def serve(env, data_dir, *options):
    return hanami("serve", "--data-dir", str(data_dir), *options, env=env)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_everything(start_server, number):
    server = start_server(server_stub__hosts="cpu0,cpu1", http__workers=1)
    processes = descendants(server.pid)
    assert len(processes) == 6, "two sidecars, the worker of background work, the api and its worker, the fork server"
    begin = time.monotonic()
    server.process.send_signal(number)
    assert server.process.wait(10) == 0
    assert time.monotonic() - begin < 5
    assert not [pid for pid in processes if alive(pid)]
    assert not (server.data_dir / "run" / "server.json").exists()
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", server.port), 1).close()


@pytest.mark.long
def test_children_that_do_not_end_are_killed(start_server):
    server = start_server()
    processes = descendants(server.pid)
    for pid in processes:
        os.kill(pid, signal.SIGSTOP)
    begin = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - begin < 5.5
    assert not [pid for pid in processes if alive(pid)]


@pytest.mark.parametrize("moment", ["running", "starting"])
def test_nothing_survives_a_killed_supervisor(start_server, env, tmp_path, moment):
    if moment == "running":
        server = start_server()
        pid = server.pid
    else:
        process = subprocess.Popen(
            [*PROGRAM, "serve", "--data-dir", str(tmp_path), "--port", "0"], env=env, stderr=subprocess.DEVNULL
        )
        pid = process.pid
        until(lambda: descendants(pid))
    processes = descendants(pid)
    os.kill(pid, signal.SIGKILL)
    until(lambda: not [child for child in processes if alive(child)])
    if moment == "starting":
        process.wait()
    else:
        again = start_server(server.data_dir, http__port=server.port)
        assert again.request("GET", "/health/ready")[0] == 200


@pytest.fixture(scope="module")
def victim(launch) -> Iterator[ServerProcess]:
    """A server whose processes tests kill; it goes on whatever they do to it."""
    with launch(server_stub__hosts="cpu0,cpu1") as running:
        yield running


@pytest.mark.parametrize("child", ["api", "sidecar cpu0", "worker", "worker of the api"])
def test_what_is_killed_is_started_again(victim, child):
    server = victim
    until(lambda: healthy(server), START_TIMEOUT)
    api = server.child("api")
    pid = min(descendants(api)) if child == "worker of the api" else server.child(child)
    begin = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    until(lambda: not alive(pid) and successors(server, child) - {pid}, 5)
    assert time.monotonic() - begin < 5
    until(lambda: healthy(server), START_TIMEOUT)


def successors(server: ServerProcess, child: str) -> set[int]:
    """Return who has the place of a process now."""
    children = server.state()["children"]
    if child == "worker of the api":
        return descendants(children["api"])
    return {children[child]} if child in children else set()


def healthy(server: ServerProcess) -> bool:
    try:
        return bool(server.state()["ready"]) and server.request("GET", "/health/ready", timeout=2)[0] == 200
    except (OSError, ValueError):
        return False


def test_requests_wait_while_the_api_starts_again(victim):
    server = victim
    until(lambda: healthy(server), START_TIMEOUT)
    api = server.child("api")
    workers = descendants(api)
    os.kill(api, signal.SIGKILL)
    until(lambda: not any(map(alive, workers)))
    assert server.request("GET", "/health/live", timeout=10)[0] == 200


def test_a_process_that_dies_again_and_again_is_started_less_often(start_server):
    server = start_server()
    pids = set()
    end = time.monotonic() + 2
    while time.monotonic() < end:
        pid = server.state()["children"].get("sidecar cpu0")
        if pid is not None and pid not in pids:
            pids.add(pid)
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)
    assert 2 <= len(pids) <= 6
    assert server.request("GET", "/health/live")[0] == 200


def test_ready_tells_which_host_is_not(victim):
    server = victim
    until(lambda: healthy(server), START_TIMEOUT)
    pid = server.child("sidecar cpu1")
    os.kill(pid, signal.SIGSTOP)
    try:
        status, answer = server.request("GET", "/health/ready")
    finally:
        os.kill(pid, signal.SIGCONT)
    assert status == 503
    assert answer["status"] == "unready"
    assert answer["hosts"]["cpu0"]["ready"] is True
    assert answer["hosts"]["cpu1"]["ready"] is False


def test_a_loop_that_stands_still_ends_the_sidecar(tmp_path):
    code = (
        "import asyncio, time\n"
        "from hanami_server.sidecar.watchdog import Watchdog\n"
        "async def main():\n"
        "    Watchdog(asyncio.get_running_loop(), pause=0.05).start()\n"
        "    await asyncio.sleep(0.6)\n"
        "    print('alive', flush=True)\n"
        "    time.sleep(30)\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run([PROGRAM[0], "-c", code], capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stdout) == (70, "alive\n")
    assert "time.sleep" in done.stderr or "line 7" in done.stderr


def test_a_second_server_is_refused(server, env):
    done = serve(env, server.data_dir, "--port", "0")
    assert done.returncode == 1
    assert done.stderr.strip() == f"data directory {server.data_dir} is in use by process {server.pid}"
    assert server.request("GET", "/health/live")[0] == 200


def test_a_second_sidecar_is_refused(server, env):
    command = [
        PROGRAM[0],
        "-P",
        "-m",
        "hanami_server.sidecar.main",
        "--data-dir",
        str(server.data_dir),
        "--host",
        "cpu0",
    ]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1
    assert f"host cpu0 is in use by process {server.child('sidecar cpu0')}" in done.stderr


def test_a_taken_port_is_one_line(server, env, tmp_path):
    done = serve(env, tmp_path, "--port", str(server.port))
    assert done.returncode == 1
    assert done.stderr.strip() == f"cannot listen on 127.0.0.1 port {server.port}: Address already in use"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--set=server_stub.admin=false"], "there is no admin yet, run 'hanami init' first"),
        (["--set=http.prot=1"], "flag: unknown setting http.prot, did you mean http.port?"),
        (["--port", "many"], "flag: http.port must be of type int, not 'many'"),
        (["--set=log.level=loud"], "log.level must be one of debug, info, warning, error, not loud"),
        (["--set=http.proxies=here"], "http.proxies: 'here' does not appear to be an IPv4 or IPv6 network"),
        (["--host", "no.such.host.invalid"], None),
    ],
)
def test_what_prevents_a_start_is_one_line(env, tmp_path, options, error):
    done = serve(env, tmp_path, *options)
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert error is None or done.stderr.strip() == error
    assert not done.stdout


def test_without_a_data_directory_nothing_is_made(env, tmp_path):
    done = serve(env, tmp_path / "none")
    assert done.returncode == 1
    assert "run 'hanami init' first" in done.stderr
    assert not (tmp_path / "none").exists()


def test_the_server_says_where_it_listens(server):
    assert f"Hanami listens at {server.url}\n" in server.text()
    assert server.state()["pid"] == server.pid


@pytest.fixture(scope="module")
def talkative(launch, tmp_path_factory) -> Iterator[ServerProcess]:
    """A server that says all it has to say, at an open address, and in a directory with a long name."""
    deep = tmp_path_factory.mktemp("deep").joinpath(*["a-folder-with-a-long-name"] * 6)
    deep.mkdir(parents=True)
    with launch(deep, http__host="0.0.0.0", log__level="debug") as running:
        yield running


def test_an_open_address_is_warned_about(talkative):
    assert "Warning: 0.0.0.0 can be reached from other machines" in talkative.text()


def test_the_run_directory_is_private(server):
    assert (server.data_dir / "run").stat().st_mode & 0o077 == 0
    assert control_path(server.data_dir, "cpu0").stat().st_mode & 0o077 == 0


def test_a_long_path_is_no_problem(talkative):
    assert len(str(talkative.data_dir)) > 140
    assert talkative.request("GET", "/health/ready")[0] == 200


def test_a_sidecar_answers_questions(server):
    with localsocket.connect(socket.SOCK_STREAM, control_path(server.data_dir, "cpu0")) as stream:
        reader = stream.makefile("rb")
        stream.sendall(b'{"op": "metrics"}\n{"op": "nothing"}\nrubbish\n')
        metrics, unknown, rubbish = (json.loads(reader.readline()) for _ in range(3))
        reader.close()
    assert metrics["pid"] == server.child("sidecar cpu0")
    assert 10_000_000 < metrics["rss"] < 500_000_000
    assert unknown == {"error": "unknown operation 'nothing', known are: probe, metrics"}
    assert "error" in rubbish


def test_secrets_do_not_reach_the_log(talkative):
    server = talkative
    canary = "canary-7391"
    server.request("GET", f"/v1/echo?token={canary}", token=canary)
    server.request("POST", "/v1/echo", {"passphrase": canary}, token="good")
    server.request("GET", "/v1/fail?name=x", token="good")
    until(lambda: "request failed" in server.text())
    assert canary not in server.text()
