"""The process ``echo``: answers each line that somebody sends to a socket in the data directory with the same line."""

from __future__ import annotations

import logging
import socket
import threading
from pathlib import Path

from hanami_core import localsocket
from hanami_core.processes import ProcessContext

LONGEST = 1 << 16
PATIENCE = 5.0

log = logging.getLogger("hanami.echo")


def run(context: ProcessContext) -> None:
    """Answer until the server ends. Started and restarted by the server; `ready` tells it that all is well."""
    with localsocket.bind(socket.SOCK_STREAM, _path(context.data_dir)) as listener:
        listener.listen()
        threading.Thread(target=_serve, args=(listener,), daemon=True).start()
        context.ready()
        context.stop.wait()


def _serve(listener: socket.socket) -> None:
    while True:
        connection, _ = listener.accept()
        connection.settimeout(PATIENCE)
        try:
            with connection, connection.makefile("rwb") as stream:
                stream.write(stream.readline(LONGEST))
        except OSError as error:
            log.warning("a caller was not answered", extra={"reason": str(error)})


def ask(data_dir: Path, line: bytes) -> bytes:
    """Return what the process answers; called in other processes.

    Raises:
        OSError: if it does not.
    """
    with localsocket.connect(socket.SOCK_STREAM, _path(data_dir)) as connection:
        connection.sendall(line + b"\n")
        with connection.makefile("rb") as stream:
            answer = stream.readline(LONGEST)
    if not answer.endswith(b"\n"):
        raise ConnectionError("the process broke off")
    return answer[:-1]


def _path(data_dir: Path) -> Path:
    return localsocket.run_directory(data_dir) / "echo.sock"
