"""Answers questions about this sidecar: one JSON line in, one JSON line out, any number a connection.

Owns the server's side of `hanami_server.control`. Must not know where the answers come from.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from hanami_core import localsocket
from hanami_server.control import LONGEST_LINE

__all__ = ["Control", "Operation"]

BACKLOG = 64

Operation = Callable[[], dict[str, Any]]

log = logging.getLogger("hanami.sidecar")


class Control:
    """The control socket. Operations may block; they run in threads."""

    def __init__(self, path: Path, operations: Mapping[str, Operation]) -> None:
        """Answer `operations` at `path`."""
        self._path = path
        self._operations = dict(operations)
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Begin to listen."""
        listener = localsocket.bind(socket.SOCK_STREAM, self._path)
        self._server = await asyncio.start_unix_server(
            self._converse, sock=listener, limit=LONGEST_LINE, backlog=BACKLOG
        )

    def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(msgspec.json.encode(await self._answer(line)) + b"\n")
                await writer.drain()
        except (OSError, ValueError):
            log.debug("control connection broke off")
        finally:
            writer.close()

    async def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            name = msgspec.json.decode(line, type=dict[str, str]).get("op", "")
        except (msgspec.MsgspecError, UnicodeError) as error:
            return {"error": str(error)}
        try:
            operation = self._operations.get(name)
            if operation is None:
                return {"error": f"unknown operation '{name}', known are: {', '.join(self._operations)}"}
            return await asyncio.to_thread(operation)
        except BaseException as error:
            log.exception("control operation failed")
            return {"error": str(error) or type(error).__name__}
