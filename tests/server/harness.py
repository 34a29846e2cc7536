"""Starts a real server for a test and ends it again, whatever happens in between.

`ServerProcess` works with any set of installed plugins; `install` makes a distribution out of a folder, for plugins
that are not installed.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests import warm

START_TIMEOUT = 60.0
STOP_TIMEOUT = 30.0
PAUSE = 0.01


def install(folder: Path, entry_points: Mapping[str, Mapping[str, str]], name: str = "hanami") -> Path:
    """Make `folder` hold a distribution with entry points by group, and return it for PYTHONPATH."""
    info = folder / f"{name.replace('-', '_')}-0.1.0.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1.0\n")
    lines = []
    for group, points in entry_points.items():
        lines += [f"[{group}]", *(f"{key} = {value}" for key, value in points.items()), ""]
    (info / "entry_points.txt").write_text("\n".join(lines))
    return folder


def environment(*paths: Path, **variables: str) -> dict[str, str]:
    """Return an environment in which further folders are importable."""
    known = [os.environ.get("PYTHONPATH", ""), *map(str, paths)]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, known)), **variables}


PROGRAM = [sys.executable, "-P", "-c", "import sys; from hanami_cli.hanami import main; sys.exit(main())"]
"""The program `hanami`. With -P, so that a distribution in the current folder does not hide the one under test."""


def hanami(*argv: str, env: Mapping[str, str], timeout: float = 60.0) -> subprocess.CompletedProcess[str]:
    """Run a command of operators to its end."""
    command = [*PROGRAM, *argv]
    return subprocess.run(command, env=dict(env), capture_output=True, text=True, timeout=timeout, check=False)


def until(condition: Any, timeout: float = START_TIMEOUT, what: str = "") -> Any:
    """Return the first true value of `condition`. Without a `timeout` of the test's own a busy machine has its time."""
    end = time.monotonic() + timeout
    while not (value := condition()):
        if time.monotonic() > end:
            raise TimeoutError(what or f"{condition} did not become true in {timeout} s")
        time.sleep(PAUSE)
    return value


def alive(pid: int) -> bool:
    """Tell whether a process exists and is not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def descendants(pid: int) -> set[int]:
    """Return all processes below a process."""
    found: set[int] = set()
    for task in Path("/proc").glob(f"{pid}/task/*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, task.read_text().split()):
                found |= {child} | descendants(child)
    return found


class ServerProcess:
    """A server: `start`, use `url` or `request`, `stop`. As a context manager it does the first and the last itself."""

    def __init__(
        self,
        data_dir: Path,
        env: Mapping[str, str] | None = None,
        flags: Mapping[str, object] | None = None,
        wrapper: Sequence[str] = (),
    ) -> None:
        self.data_dir = data_dir
        self.wrapper = wrapper
        self.env = dict(os.environ if env is None else env)
        self.flags = {"http.port": 0, **(flags or {})}
        self.port = 0
        self.log = data_dir.parent / f"{data_dir.name}.log"
        self.process: subprocess.Popen[bytes] | warm.Process | None = None

    def __enter__(self) -> ServerProcess:
        return self if self.process is not None else self.start()

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> ServerProcess:
        """Start the server and wait until a request ran through every host."""
        pairs = [f"--set={name}={value}" for name, value in self.flags.items()]
        argv = ["serve", "--data-dir", str(self.data_dir), *pairs]
        with self.log.open("ab") as log:
            self.process = (None if self.wrapper else warm.start(argv, log, self.env)) or subprocess.Popen(
                [*self.wrapper, *PROGRAM, *argv], env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            until(self._ready, START_TIMEOUT, "the server is not ready")
        except BaseException:
            self.kill()
            raise
        return self

    def _ready(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise RuntimeError(f"the server ended with {self.process.returncode}:\n{self.text()}")
        try:
            state = self.state()
            self.port = state["port"]
            return bool(state["ready"]) and self.request("GET", "/health/ready")[0] == 200
        except (OSError, ValueError):
            return False

    def text(self) -> str:
        """Return what the server has written."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def state(self) -> dict[str, Any]:
        """Return the content of the state file."""
        return dict(json.loads((self.data_dir / "run" / "server.json").read_text()))

    @property
    def url(self) -> str:
        """Address for REST clients."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Number of the supervisor."""
        assert self.process is not None
        return self.process.pid

    def child(self, name: str) -> int:
        """Return the number of a child, for example ``api`` or ``sidecar cpu0``."""
        return int(self.state()["children"][name])

    def request(
        self, method: str, path: str, body: Any = None, token: str | None = None, timeout: float = 30.0
    ) -> tuple[int, Any]:
        """Send one request on a connection of its own; JSON answers are decoded."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        with contextlib.closing(connection):
            content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
            connection.request(method, path, content, {"X-Auth-Token": token} if token else {})
            response = connection.getresponse()
            data = response.read()
            is_json = response.headers.get_content_type() == "application/json"
            return response.status, json.loads(data) if is_json else data.decode()

    @contextlib.contextmanager
    def connect(self, timeout: float = 30.0) -> Iterator[socket.socket]:
        """Open a bare connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout) as connection:
            yield connection

    def stop(self) -> int:
        """End the server with SIGTERM and return its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_TIMEOUT)

    def kill(self) -> None:
        """End the server at once if it still runs; its children follow it."""
        if self.process is not None and self.process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.stop()
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(STOP_TIMEOUT)
