"""Requests as they stand on the wire, and what a server holds before and after them."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import socket
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from tests.server.harness import until

PREFIX = "/v1.0alpha/"
NO_OBJECT = "Failed to parse input-values, because of json-parser error: "
NOBODY = "00000000-0000-4000-8000-000000000000"
LEASES = {"direct_until"}
"""Columns that change while clients come and go."""
LOGS = {"audit_log", "error_log"}
"""Tables that tell of calls, also of refused ones."""
RESTLESS = {"run", "cache", "server.log", "measurements.json", "measurements.tmp"}
"""What changes in a data directory while nobody asks for anything, beside the database."""

Holdings = tuple[dict[str, str], dict[str, int]]
"""A digest of each table but the logs, and the size of each file."""


class Answer(NamedTuple):
    """What came back."""

    status: int
    text: str

    @property
    def json(self) -> Any:
        """Return the content of a JSON text."""
        return json.loads(self.text)


class Wire:
    """Speaks HTTP/1.1 with a server, one connection for each request."""

    def __init__(self, address: str, token: str = "", source: str = "127.0.0.1") -> None:
        """Use a token, and connect from `source`, an address of this machine."""
        self.address = address
        self.token = token
        self.source = source

    @contextlib.contextmanager
    def connect(self) -> Iterator[socket.socket]:
        """Open a bare connection."""
        port = urlsplit(self.address).port
        assert port is not None
        with socket.create_connection(("127.0.0.1", port), 30.0, (self.source, 0)) as connection:
            yield connection

    def send(self, data: bytes) -> Answer:
        """Send bytes and return the first answer to them."""
        with self.connect() as connection:
            connection.sendall(data)
            return receive(connection)

    def head(self, method: str, path: str, *fields: str, token: str | None = None) -> bytes:
        """Return the head of a request; `path` is below the API's prefix unless it begins with a slash."""
        target = path if path.startswith("/") else PREFIX + path
        given = self.token if token is None else token
        lines = [f"{method} {target} HTTP/1.1", "Host: x", *([f"X-Auth-Token: {given}"] if given else []), *fields]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    def body(self, method: str, path: str, body: Any, token: str | None = None) -> Answer:
        """Send a body, as JSON unless it is bytes already."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.send(self.head(method, path, f"Content-Length: {len(content)}", token=token) + content)

    def query(self, method: str, path: str, token: str | None = None, /, **fields: Any) -> Answer:
        """Send fields in the query, percent-encoded."""
        pairs = "&".join(f"{name}={quote(str(value), safe='')}" for name, value in fields.items())
        return self.send(self.head(method, f"{path}?{pairs}" if pairs else path, token=token))

    def call(self, method: str, path: str, fields: dict[str, Any], token: str | None = None) -> Answer:
        """Send fields where the method has them."""
        if method in ("POST", "PUT"):
            return self.body(method, path, fields, token)
        return self.query(method, path, token, **fields)

    def login(self, user_id: str, passphrase: str) -> str:
        """Return a token."""
        answer = self.body("POST", "token", {"id": user_id, "password": passphrase}, "")
        assert answer.status == 200, answer
        return str(answer.json["token"])


def receive(connection: socket.socket) -> Answer:
    """Read one answer."""
    response = http.client.HTTPResponse(connection)
    response.begin()
    return Answer(response.status, response.read().decode())


def holdings(data_dir: Path) -> Holdings:
    """Return what a server holds."""
    with contextlib.closing(sqlite3.connect(data_dir / "hanami.db")) as db:
        names = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type='table'")]
        rows = {name: _digest(db, name) for name in names if name not in LOGS}
    kept = [top for top in data_dir.iterdir() if top.name not in RESTLESS and not top.name.startswith("hanami.db")]
    files = [file for top in kept for file in (top, *top.rglob("*")) if file.is_file()]
    return rows, {str(file.relative_to(data_dir)): file.stat().st_size for file in files}


def settled(data_dir: Path) -> Holdings:
    """Return what there is as soon as nothing changes any more: a file goes a moment after the row that named it."""
    last = holdings(data_dir)

    def unchanged() -> bool:
        nonlocal last
        before, last = last, holdings(data_dir)
        return before == last

    until(unchanged, what="the server does not come to rest")
    return last


def _digest(db: sqlite3.Connection, table: str) -> str:
    names = [row[1] for row in db.execute(f"PRAGMA table_info({table})") if row[1] not in LEASES]
    columns = ", ".join(f'"{name}"' for name in names)
    return hashlib.sha256(repr(db.execute(f"SELECT {columns} FROM {table}").fetchall()).encode()).hexdigest()
