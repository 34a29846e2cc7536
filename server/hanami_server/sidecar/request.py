"""The request head of a websocket as sessions see it. It was checked before; here it is only taken apart."""

from __future__ import annotations

from hanami_core.sockets import SocketRequest

__all__ = ["parse_head"]


def parse_head(head: bytes) -> SocketRequest:
    """Return path, query and headers of a request head; of headers that repeat, the last one counts."""
    first, *lines = head.decode("latin-1").split("\r\n")
    path, _, query = first.split(" ")[1].partition("?") if first.count(" ") > 1 else ("/", "", "")
    pairs = (line.partition(":") for line in lines if line)
    return SocketRequest(path, query, {name.strip().lower(): value.strip() for name, _, value in pairs})
