"""The released client of Backend.AI, unmodified, in an environment of its own.

The variable ``HANAMI_TEST_BACKENDAI`` names an environment that has the client; without it one is made and kept in
pytest's cache. What the client requires does not go together with what we require, and it runs on Python 3.11 at most.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from hanami_sdk import Client
from hanami_server.local import LocalServer

__all__ = ["BackendaiClient", "ClientKeys", "backendai_client"]

VARIABLE = "HANAMI_TEST_BACKENDAI"
RELEASE = "backend.ai-client==22.3.2"
REQUIREMENTS = (
    "aiohttp==3.8.6",
    "aiotusclient==0.1.4",
    "appdirs",
    "attrs",
    "click==8.0.4",
    "colorama",
    "humanize",
    "janus",
    "python-dateutil",
    "rich==12.6.0",
    "tabulate",
    "tqdm",
    "yarl==1.17.0",  # later ones break the client's signatures
    "backend.ai-cli==0.6.0",
)
"""What the client needs, but for PyYAML, which it never imports and which has to be compiled."""
SECONDS = 60.0
TEMPLATE = Path(__file__).with_name("backendai_template.py")


class ClientKeys(NamedTuple):
    """A pair of keys."""

    access_key: str
    secret_key: str


class BackendaiClient:
    """The client and the server that it talks to.

    Attributes:
        address: what the server's API is reached by.
        keys: a pair of an admin of the server.
    """

    def __init__(self, environment: Path, address: str, keys: ClientKeys, home: Path) -> None:
        """Use the client of an environment; it keeps its files in `home`."""
        self.address, self.keys, self._home = address, keys, home
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            command = [environment / "bin/python", TEMPLATE]
            self._template = subprocess.Popen(command, env=self._variables(keys), stdin=theirs, cwd=home)

    def run(
        self, *args: str, keys: ClientKeys | None = None, stdin: str | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run ``backend.ai`` with these arguments, by default with the keys of the admin.

        It is killed if it does not end: the client waits for ever after some errors.
        """
        return self._run({"code": None, "args": args}, keys, stdin, variables)

    def python(self, code: str, keys: ClientKeys | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a program that imports the client."""
        return self._run({"code": code, "args": []}, keys, None, variables)

    def close(self) -> None:
        """End the process that commands are copies of."""
        self._control.close()
        self._template.wait()

    def _run(
        self, order: dict[str, object], keys: ClientKeys | None, stdin: str | None, variables: dict[str, str]
    ) -> subprocess.CompletedProcess[str]:
        message = json.dumps({**order, "variables": self._variables(keys or self.keys, **variables)})
        with contextlib.ExitStack() as stack:
            streams = [stack.enter_context(tempfile.TemporaryFile("w+", encoding="utf-8")) for _ in range(3)]
            streams[0].write(stdin or "")
            streams[0].seek(0)
            socket.send_fds(self._control, [message.encode()], [stream.fileno() for stream in streams])
            pid = int(self._control.recv(16))
            if not select.select([self._control], [], [], SECONDS)[0]:
                os.kill(pid, signal.SIGKILL)
                self._control.recv(16)
                raise subprocess.TimeoutExpired(message, SECONDS)
            code = int(self._control.recv(16))
            for stream in streams:
                stream.seek(0)
            return subprocess.CompletedProcess([str(order)], code, streams[1].read(), streams[2].read())

    def _variables(self, keys: ClientKeys, **more: str) -> dict[str, str]:
        return {
            "PATH": os.environ.get("PATH", ""),
            "HOME": str(self._home),
            "XDG_STATE_HOME": str(self._home / "state"),
            "LC_ALL": "C.UTF-8",
            "COLUMNS": "400",
            "BACKEND_ENDPOINT": self.address,
            "BACKEND_ACCESS_KEY": keys.access_key,
            "BACKEND_SECRET_KEY": keys.secret_key,
            **more,
        }


@pytest.fixture(scope="session")
def backendai_environment(request: pytest.FixtureRequest) -> Path:
    """Return an environment with the client, which is made if there is none."""
    named = os.environ.get(VARIABLE)
    if named:
        if not Path(named, "bin/backend.ai").exists():
            pytest.skip(f"{VARIABLE} names an environment without the client of Backend.AI: {named}")
        return Path(named)
    if sys.version_info >= (3, 12):
        pytest.skip("the client of Backend.AI does not run on Python 3.12 or later")
    if request.config.cache is None:
        pytest.skip(f"there is no cache to keep the client of Backend.AI in, and {VARIABLE} names none")
    return _made(Path(str(request.config.cache.mkdir("backendai-22.3.2"))))


def _made(directory: Path) -> Path:
    """Return an environment with the client below a directory; processes that want it at the same time make one."""
    environment, complete = directory / "environment", directory / "complete"
    with open(directory / "lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not complete.exists():
            venv.create(environment, clear=True)
            for packages in (("--no-deps", RELEASE), REQUIREMENTS):
                command = [sys.executable, "-m", "pip", "--python", environment, "install", "--quiet", *packages]
                done = subprocess.run(command, capture_output=True, text=True)
                if done.returncode:
                    pytest.skip(f"the client of Backend.AI cannot be installed: {done.stderr.strip()[-300:]}")
            complete.touch()
    return environment


@pytest.fixture(scope="session")
def backendai_client(
    backendai_environment: Path, server: LocalServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BackendaiClient]:
    """Return the client, with the keys of the admin of a server."""
    with Client(server.address, server.user, server.passphrase) as native:
        pair = native.create_keypair()
    keys = ClientKeys(pair.access_key, pair.secret_key)
    home = tmp_path_factory.mktemp("backendai")
    client = BackendaiClient(backendai_environment, f"{server.address}/backendai", keys, home)
    yield client
    client.close()
