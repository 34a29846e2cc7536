"""Questions to a sidecar about itself: one JSON line there, one JSON line back, over a Unix socket.

Owns the client's side and the line format. Must not know what the answers mean.
"""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import msgspec

from hanami_core import localsocket

__all__ = ["LONGEST_LINE", "Unreachable", "ask"]

LONGEST_LINE = 1 << 20


class Unreachable(Exception):
    """Nobody answers at a control socket."""


def ask(path: Path, operation: str, timeout: float = 5.0) -> dict[str, Any]:
    """Return the answer of the sidecar that listens at `path`.

    Raises:
        Unreachable: if there is none within `timeout` seconds.
    """
    try:
        with localsocket.connect(socket.SOCK_STREAM, path, timeout) as stream:
            stream.sendall(msgspec.json.encode({"op": operation}) + b"\n")
            with stream.makefile("rb") as reader:
                return dict(msgspec.json.decode(reader.readline(LONGEST_LINE), type=dict[str, Any]))
    except (OSError, msgspec.MsgspecError) as error:
        raise Unreachable(f"the sidecar does not answer ({error})") from error
