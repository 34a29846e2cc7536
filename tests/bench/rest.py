"""How many list requests a process answers in a second, each with its token, its policy and its rows looked up.

The measure of that is what a bare Falcon application under plain gunicorn does on the same machine in the same run.
"""

from __future__ import annotations

import os
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

from hanami_sdk import Client, hanami_token
from hanami_server.demo.scenario import TEMPLATE
from hanami_server.local import LocalServer

CLIENTS = 8
WARM_UP, SECONDS, REPEATS = 0.5, 3.0, 3
CLUSTERS = 10
FLAGS = ("--set", "http.workers=1")
PIECE = 1 << 16


class Browser:
    """One client on one connection: sends a request, waits for the whole answer, sends the next."""

    def __init__(self, address: tuple[str, int], request: bytes) -> None:
        self.socket = socket.create_connection(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._request, self._data = request, b""
        self.begin = 0.0

    def send(self) -> None:
        """Begin a request."""
        self._data, self.begin = b"", time.perf_counter()
        self.socket.sendall(self._request)

    def receive(self) -> bool:
        """Read what is there and tell whether the answer is whole."""
        piece = self.socket.recv(PIECE)
        if not piece:
            raise ConnectionError("the server closed a connection that was to stay open")
        self._data += piece
        head, mark, body = self._data.partition(b"\r\n\r\n")
        if not mark:
            return False
        if not head.startswith(b"HTTP/1.1 200 "):
            raise RuntimeError(head.decode())
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        return len(body) >= length


def load(address: tuple[str, int], request: bytes, seconds: float) -> list[float]:
    """Send the same request from all clients for some seconds, and return how long each answer took."""
    with selectors.DefaultSelector() as selector:
        browsers = [Browser(address, request) for _ in range(CLIENTS)]
        for browser in browsers:
            selector.register(browser.socket, selectors.EVENT_READ, browser)
            browser.send()
        times: list[float] = []
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            for key, _ in selector.select(1.0):
                if key.data.receive():
                    times.append(time.perf_counter() - key.data.begin)
                    key.data.send()
        for browser in browsers:
            browser.socket.close()
    return times


def measure(address: tuple[str, int], head: str, seconds_used: Callable[[], float], body: str = "") -> dict[str, float]:
    """Return the figures of one request, whose server has used the processor for `seconds_used()`.

    The processor time of a request tells more than the rate where others use the machine, too.
    """
    request = f"{head}\r\nHost: {address[0]}:{address[1]}\r\n\r\n{body}".encode()
    load(address, request, WARM_UP)
    before = seconds_used()
    times = load(address, request, SECONDS)
    used = seconds_used() - before
    cuts = quantiles(times, n=100)
    return {
        "requests_per_second": len(times) / SECONDS,
        "ms_p50": cuts[49] * 1e3,
        "ms_p99": cuts[98] * 1e3,
        "processor_ms": used / len(times) * 1e3,
    }


@contextmanager
def hello(environment: Mapping[str, str] | None = None) -> Iterator[tuple[str, int]]:
    """Run a bare Falcon application under plain gunicorn with one worker, and give its address."""
    with socket.create_server(("127.0.0.1", 0), backlog=CLIENTS) as listener:
        number = listener.fileno()
        command = [
            sys.executable,
            "-m",
            "gunicorn",
            "--bind",
            f"fd://{number}",
            "--threads",
            "16",
            "--keep-alive",
            "60",
        ]
        command += ["--keep-alive", "60", "--no-control-socket", "--log-level", "warning", "tests.bench.hello:app"]
        with subprocess.Popen(command, pass_fds=[number], env=os.environ | dict(environment or {})) as process:
            try:
                yield listener.getsockname()
            finally:
                process.terminate()


def run() -> dict[str, Any]:
    """Measure a server with one process for REST and a bare one in turns; of several times the best one counts."""
    lists, hellos = [], []
    with TemporaryDirectory() as directory, LocalServer(Path(directory) / "data", *FLAGS) as server, hello() as bare:
        with Client(server.address, server.user, server.passphrase) as client:
            for number in range(CLUSTERS):
                client.create_cluster(f"cluster {number}", TEMPLATE)
        place = urlsplit(server.address)
        token = hanami_token.request_token(server.address, server.user, server.passphrase)
        request = f"GET /v1.0alpha/cluster/all HTTP/1.1\r\nX-Auth-Token: {token}"
        for _ in range(REPEATS):
            lists.append(measure((str(place.hostname), int(place.port or 0)), request, server.processor_seconds))
            hellos.append(measure(bare, "GET / HTTP/1.1", lambda: 0.0))
    best, fastest = (max(found, key=lambda one: one["requests_per_second"]) for found in (lists, hellos))
    return {f"rest_{name}": value for name, value in best.items()} | {
        "hello_requests_per_second": fastest["requests_per_second"],
        "rest_by_hello": best["requests_per_second"] / fastest["requests_per_second"],
    }


if __name__ == "__main__":
    print(run())
