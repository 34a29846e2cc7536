"""A process that answers at a Unix socket: what a bare endpoint pays for asking another process, and nothing else.

``python -m tests.bench.hop PATH`` answers rows of `PIXELS` float32 with `CLASSES` of them, in a thread for each
connection.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["PLACE", "ROW", "running"]

PLACE = "HANAMI_BENCH_HOP"
"""Variable with the path of the socket."""
ROW, ANSWER = 4 * 784, 4 * 10
"""Bytes of a question and of its answer."""


@contextmanager
def running(directory: Path) -> Iterator[dict[str, str]]:
    """Run it, and give the variable that says where it is."""
    path = directory / "hop"
    with subprocess.Popen([sys.executable, "-m", __name__, str(path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield {PLACE: str(path)}
        finally:
            process.terminate()


def _answer(connection: socket.socket) -> None:
    with connection:
        while question := connection.recv(ROW, socket.MSG_WAITALL):
            connection.sendall(question[:ANSWER])


def main(path: str) -> None:
    """Answer for ever."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        os.write(1, b"ready\n")
        while True:
            threading.Thread(target=_answer, args=(listener.accept()[0],), daemon=True).start()


if __name__ == "__main__":
    main(sys.argv[1])
