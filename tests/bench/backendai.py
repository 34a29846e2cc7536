"""What clients of Backend.AI cost: a signed ``ps`` beside a list of our own API, and files up and down.

Files are compared with a bare Falcon application under plain gunicorn that does nothing but copy them, on the same
machine in the same run. `python -m tests.bench.backendai` prints the figures.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import requests

from hanami_plugins.api_backendai.signature import Signed, sign
from hanami_sdk import Client, hanami_token
from hanami_server.demo.scenario import TEMPLATE
from hanami_server.local import LocalServer
from tests.bench.rest import CLUSTERS, FLAGS, hello

__all__ = ["run"]

CALLS, REPEATS = 300, 3
SIZE, PIECE = 100 << 20, 16 << 20
VERSION = "v6.20220315"
PS = (
    "query($limit: Int!, $offset: Int!, $status: String) {"
    " compute_session_list(limit: $limit, offset: $offset, status: $status) {"
    " items { id type session_id name status status_info created_at } total_count } }"
)


class SignedSession:
    """A client with a pair of keys, on one connection."""

    def __init__(self, address: str, access_key: str, secret_key: str) -> None:
        """Send to a server."""
        self._address, self._access_key, self._secret_key = address, access_key, secret_key
        self._host = urlsplit(address).netloc
        self.http = requests.Session()

    def call(self, method: str, path: str, /, **fields: object) -> Any:
        """Send fields as JSON in a request that is signed now, and return the answer."""
        target, date, kind = f"/backendai{path}", datetime.now(UTC).isoformat(), "application/json"
        signature = sign(Signed(method, target, date, self._host, kind, VERSION), self._secret_key, "sha256")
        headers = {
            "Date": date,
            "Content-Type": kind,
            "X-BackendAI-Version": VERSION,
            "Authorization": f"BackendAI signMethod=HMAC-SHA256, credential={self._access_key}:{signature}",
        }
        answer = self.http.request(method, self._address + target, json=fields, headers=headers, timeout=60)
        answer.raise_for_status()
        return answer.json()


def processor_ms(server: LocalServer, call: Callable[[], object]) -> float:
    """Return the milliseconds of the processor that a server takes for a call."""
    found = []
    for _ in range(REPEATS):
        before = server.processor_seconds()
        for _ in range(CALLS):
            call()
        found.append((server.processor_seconds() - before) / CALLS * 1e3)
    return min(found)


def upload(session: SignedSession, address: str, content: bytes, name: str) -> float:
    """Send a file in pieces, as the released client does; return the seconds."""
    begin = time.perf_counter()
    token = session.call("POST", "/folders/bench/request-upload", path=name, size=len(content))["token"]
    for offset in range(0, len(content), PIECE):
        answer = session.http.patch(
            f"{address}/backendai/storage/upload",
            params={"token": token},
            data=content[offset : offset + PIECE],
            headers={
                "Content-Type": "application/offset+octet-stream",
                "Tus-Resumable": "1.0.0",
                "Upload-Offset": str(offset),
            },
            timeout=60,
        )
        answer.raise_for_status()
    return time.perf_counter() - begin


def download(session: SignedSession, address: str, name: str) -> float:
    """Fetch a file and forget it; return the seconds."""
    begin = time.perf_counter()
    token = session.call("POST", "/folders/bench/request-download", path=name)["token"]
    received = _drain(session.http.get(f"{address}/backendai/storage/download", params={"token": token}, stream=True))
    assert received == SIZE
    return time.perf_counter() - begin


def _drain(answer: requests.Response) -> int:
    answer.raise_for_status()
    return sum(map(len, answer.iter_content(1 << 20)))


@contextmanager
def copier(directory: Path) -> Iterator[str]:
    """Run a bare application that stores what it is sent in a file, and sends it back."""
    with hello({"HANAMI_BENCH_FILE": str(directory / "copy")}) as (host, port):
        yield f"http://{host}:{port}/file"


def copied_up(session: requests.Session, address: str, content: bytes) -> float:
    """Send a file in pieces to the bare application; return the seconds."""
    begin = time.perf_counter()
    for offset in range(0, len(content), PIECE):
        session.put(
            address, data=content[offset : offset + PIECE], params={"at": offset}, timeout=60
        ).raise_for_status()
    return time.perf_counter() - begin


def copied_down(session: requests.Session, address: str) -> float:
    """Fetch the file from the bare application; return the seconds."""
    begin = time.perf_counter()
    assert _drain(session.get(address, stream=True, timeout=60)) == SIZE
    return time.perf_counter() - begin


def run() -> dict[str, float]:
    """Measure; of several times the best one counts."""
    content = os.urandom(1 << 20) * (SIZE >> 20)
    with (
        TemporaryDirectory() as directory,
        LocalServer(Path(directory) / "data", *FLAGS) as server,
        copier(Path(directory)) as bare,
        requests.Session() as plain,
    ):
        with Client(server.address, server.user, server.passphrase) as client:
            for number in range(CLUSTERS):
                client.create_cluster(f"cluster {number}", TEMPLATE)
            keys = client.create_keypair()
        session = SignedSession(server.address, keys.access_key, keys.secret_key)
        token = {"X-Auth-Token": hanami_token.request_token(server.address, server.user, server.passphrase)}
        listed = processor_ms(
            server, lambda: plain.get(f"{server.address}/v1.0alpha/cluster/all", headers=token).raise_for_status()
        )
        page = {"limit": 20, "offset": 0, "status": "PENDING,RUNNING"}
        signed = processor_ms(server, lambda: session.call("POST", "/admin/gql", query=PS, variables=page))
        session.call("POST", "/folders", name="bench", host="files")
        times = [
            (
                upload(session, server.address, content, f"file{number}"),
                copied_up(plain, bare, content),
                download(session, server.address, f"file{number}"),
                copied_down(plain, bare),
            )
            for number in range(REPEATS)
        ]
    up, bare_up, down, bare_down = (min(column) for column in zip(*times, strict=True))
    return {
        "backendai_ps_processor_ms": signed,
        "native_list_processor_ms": listed,
        "backendai_ps_by_native": signed / listed,
        "backendai_upload_mb_s": SIZE / up / 1e6,
        "backendai_download_mb_s": SIZE / down / 1e6,
        "backendai_upload_by_copy": bare_up / up,
        "backendai_download_by_copy": bare_down / down,
    }


if __name__ == "__main__":
    for key, value in run().items():
        print(f"{key:32} {value:10.3f}")
