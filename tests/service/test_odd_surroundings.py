"""Programs that are run where something usual is missing or different: forks, streams, encodings, variables."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hanami_sdk import Client
from hanami_server.demo.scenario import TEMPLATE
from hanami_server.local import LocalServer
from tests.server.harness import ServerProcess, hanami, until

FORKS = """
import json, os, sys
from hanami_sdk import Client, ConnectionFailedException

def is_right(cluster, rounds):
    return all(client.cluster(cluster.uuid).name == cluster.name for _ in range(rounds))

client = Client(*sys.argv[1:4])
clusters = [client.cluster(uuid) for uuid in sys.argv[4:]]
with client.direct(clusters[0]) as live:
    children = []
    for cluster in clusters:
        if (child := os.fork()) == 0:
            try:
                live.request({"picture_hex": [1.0]})
            except ConnectionFailedException as error:
                alone = "another one after a fork" in str(error)
            os._exit(0 if alone and is_right(cluster, 40) else 1)
        children.append(child)
    mine = is_right(clusters[0], 40)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
print(json.dumps({"mine": mine, "codes": codes}))
"""


def test_a_client_may_be_forked(server: LocalServer, client: Client) -> None:
    clusters = [client.create_cluster(f"forked {number}", TEMPLATE) for number in range(6)]
    arguments = [server.address, server.user, server.passphrase, *(cluster.uuid for cluster in clusters)]
    done = subprocess.run([sys.executable, "-c", FORKS, *arguments], capture_output=True, text=True, timeout=120)
    assert json.loads(done.stdout or "null") == {"mine": True, "codes": [0] * 6}, done.stderr
    for cluster in clusters:
        client.delete_cluster(cluster)


POOL = """
import json, multiprocessing, sys
from hanami_sdk import Client

client = Client(*sys.argv[1:4])
NAME = client.cluster(sys.argv[4]).name

def is_right(number):
    return client.cluster(sys.argv[4]).name == NAME

with multiprocessing.get_context("fork").Pool(4) as pool:
    found = pool.map(is_right, range(40))
print(json.dumps({"found": all(found), "mine": is_right(0)}))
"""

APPLICATION = """
import os
from hanami_sdk import Client

client = Client(os.environ["ADDRESS"], os.environ["USER_ID"], os.environ["PASSPHRASE"])
NAME = client.cluster(os.environ["CLUSTER"]).name  # before the fork, so the connection is there

def application(environ, start_response):
    same = all(client.cluster(os.environ["CLUSTER"]).name == NAME for _ in range(10))
    start_response("200 OK" if same else "500 Wrong", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
"""


def test_a_client_works_in_a_pool(server: LocalServer, client: Client) -> None:
    cluster = client.create_cluster("pooled", TEMPLATE)
    arguments = [server.address, server.user, server.passphrase, cluster.uuid]
    done = subprocess.run([sys.executable, "-c", POOL, *arguments], capture_output=True, text=True, timeout=120)
    assert json.loads(done.stdout or "null") == {"found": True, "mine": True}, done.stderr
    client.delete_cluster(cluster)


def test_a_client_works_behind_gunicorn_that_loads_before_it_forks(
    server: LocalServer, client: Client, tmp_path: Path
) -> None:
    cluster = client.create_cluster("preloaded", TEMPLATE)
    (tmp_path / "program.py").write_text(APPLICATION)
    given = {"ADDRESS": server.address, "USER_ID": server.user, "PASSPHRASE": server.passphrase}
    socket_path = tmp_path / "socket"
    options = ["--preload", "--workers", "3", "--bind", f"unix:{socket_path}", "--no-control-socket"]
    command = [sys.executable, "-m", "gunicorn", *options, "program:application"]
    with subprocess.Popen(command, cwd=tmp_path, env={**os.environ, **given, "CLUSTER": cluster.uuid}) as gunicorn:
        try:
            until(socket_path.exists, 60)
            with ThreadPoolExecutor(6) as threads:
                answers = list(threads.map(lambda _: ask_program(socket_path), range(30)))
        finally:
            gunicorn.terminate()
    assert {status for status, _ in answers} == {200}
    assert str(gunicorn.pid) not in {pid for _, pid in answers}
    client.delete_cluster(cluster)


def ask_program(path: Path) -> tuple[int, str]:
    connection = http.client.HTTPConnection("localhost", timeout=60)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(str(path))
    with contextlib.closing(connection):
        connection.request("GET", "/")
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def test_what_a_terminal_can_not_show_is_written_all_the_same(
    server: LocalServer, client: Client, tmp_path: Path
) -> None:
    table = tmp_path / "table.csv"
    table.write_text("größe\n1\n2\n")
    login = {"HANAMI_ADDRESS": server.address, "HANAMI_USER": server.user, "HANAMI_PASSPHRASE": server.passphrase}
    program = [sys.executable, "-c", "from hanami_cli.hanamictl import main; raise SystemExit(main())"]
    command = [*program, "dataset", "create", "csv", "sizes", "-i", str(table)]
    env = {**os.environ, **login, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "gr\\xf6\\xdfe" in done.stdout) == (0, True), done.stdout + done.stderr
    for dataset in client.datasets():
        if dataset.name == "sizes":
            client.delete_dataset(dataset)


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    done = hanami("init", "--data-dir", str(tmp_path / "data"), env=environment())
    assert done.returncode == 0, done.stderr
    return tmp_path / "data"


def environment(**variables: str) -> dict[str, str]:
    admin = {"ID": "asdf", "NAME": "Asdf", "PASSPHRASE": "asdf asdf asdf"}
    return {**os.environ, **{f"HANAMI_ADMIN_{name}": value for name, value in admin.items()}, **variables}


@pytest.mark.long
def test_a_server_without_streams_serves(data_dir: Path) -> None:
    closed = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"]
    with ServerProcess(data_dir, environment(), wrapper=closed) as server:
        assert server.request("GET", "/health/ready")[0] == 200


@pytest.mark.long
def test_a_host_that_can_not_compile_says_why(data_dir: Path) -> None:
    done = hanami("plugins", "--data-dir", str(data_dir), env=environment(NUMBA_DISABLE_JIT="1"))
    assert "NUMBA_DISABLE_JIT is set, but the host needs compiled kernels; unset it" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
