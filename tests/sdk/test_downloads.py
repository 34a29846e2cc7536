"""Downloads that break off and go on, and files that are not what was sent."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hanami_sdk import Client, ConnectionFailedException, HanamiException, NotFoundException, checkpoint, dataset

from .fake_server import Answer, D, FakeServer, P, Request

BODY = bytes(range(256)) * 1000


def made(body: bytes = BODY, name: str = "summer") -> bytes:
    """Return the file of a checkpoint."""
    header = json.dumps({"name": name, "size": len(body), "sha256": hashlib.sha256(body).hexdigest()}).encode()
    start = b"\x89HNM\r\n\x1a\n" + (1).to_bytes(4, "little") + len(header).to_bytes(4, "little") + header
    return start + hashlib.sha256(start).digest() + body


def tag_of(content: bytes) -> str:
    length = int.from_bytes(content[12:16], "little")
    return f'"{content[16 + length : 48 + length].hex()}"'


class Store:
    """A file behind a server whose connections break off after so many bytes, as often as it is told to."""

    def __init__(self, server: FakeServer, content: bytes, *breaks: int) -> None:
        self.content, self.breaks, self.asked = content, list(breaks), list[str]()
        server.on("GET", "/checkpoint/file", self.answer)

    def answer(self, request: Request) -> Answer:
        wanted = request.headers.get("range", "")
        self.asked.append(wanted)
        first, tag = 0, tag_of(self.content)
        if wanted and request.headers["if-range"] == tag:
            first = int(wanted.removeprefix("bytes=").removesuffix("-"))
        headers = {"ETag": tag}
        if first == len(self.content):
            return Answer(416, b"", headers | {"Content-Range": f"bytes */{first}"})
        if first:
            headers["Content-Range"] = f"bytes {first}-{len(self.content) - 1}/{len(self.content)}"
        part = self.content[first:]
        headers["Content-Length"] = str(len(part))
        sent = part[: self.breaks.pop(0)] if self.breaks else part
        return Answer(206 if first else 200, sent, headers)


@pytest.fixture
def patient(server: FakeServer) -> Iterator[Client]:
    with Client(server.address, "asdf", "asdfasdf", timeout=5, retry=5.0) as client:
        yield client


def test_a_file_arrives(server: FakeServer, client: Client, tmp_path: Path) -> None:
    content, seen = made(), list[tuple[int, int]]()
    Store(server, content)
    client.download_checkpoint(P, tmp_path / "net", lambda done, total: seen.append((done, total)))
    assert (tmp_path / "net").read_bytes() == content
    assert (seen[0], seen[-1]) == ((0, len(content)), (len(content), len(content)))
    assert [path.name for path in tmp_path.iterdir()] == ["net"]


def test_a_download_goes_on_as_often_as_it_breaks_off(server: FakeServer, patient: Client, tmp_path: Path) -> None:
    content = made()
    store = Store(server, content, 100_000, 50_000, 7)
    patient.download_checkpoint(P, tmp_path / "net")
    assert (tmp_path / "net").read_bytes() == content
    # Whole blocks are kept; the last answer but one has none.
    assert store.asked == ["", "bytes=98304-", "bytes=147456-", "bytes=147456-"]


def test_the_next_call_goes_on_with_what_is_there(server: FakeServer, tmp_path: Path) -> None:
    content = made()
    store = Store(server, content, *[100_000] + [0] * 50)
    with Client(server.address, "asdf", "asdfasdf", timeout=5, retry=0.1) as hasty:
        with pytest.raises(ConnectionFailedException):
            hasty.download_checkpoint(P, tmp_path / "net")
        assert (tmp_path / "net.part").read_bytes() == content[:98_304]
        store.breaks, store.asked = [], []
        hasty.download_checkpoint(P, tmp_path / "net")
    assert store.asked == ["bytes=98304-"]
    assert (tmp_path / "net").read_bytes() == content


@pytest.mark.parametrize("left", [b"", b"something else" * 100, made(b"x" * 5000)[:3000], made(name="winter")])
def test_what_another_file_has_left_is_not_gone_on_with(
    server: FakeServer, client: Client, tmp_path: Path, left: bytes
) -> None:
    content = made()
    Store(server, content)
    (tmp_path / "net.part").write_bytes(left)
    client.download_checkpoint(P, tmp_path / "net")
    assert (tmp_path / "net").read_bytes() == content


def test_what_is_there_already_is_not_sent_again(server: FakeServer, client: Client, tmp_path: Path) -> None:
    content = made()
    store = Store(server, content)
    (tmp_path / "net.part").write_bytes(content)
    client.download_checkpoint(P, tmp_path / "net")
    assert (store.asked, (tmp_path / "net").read_bytes()) == ([f"bytes={len(content)}-"], content)


def test_a_file_that_is_damaged_on_its_way_is_not_kept(server: FakeServer, client: Client, tmp_path: Path) -> None:
    content = bytearray(made())
    content[-1] ^= 1
    Store(server, bytes(content))
    (tmp_path / "net").write_bytes(b"the last good one")
    with pytest.raises(HanamiException, match="the checkpoint file was damaged on its way"):
        client.download_checkpoint(P, tmp_path / "net")
    assert (tmp_path / "net").read_bytes() == b"the last good one"
    assert not (tmp_path / "net.part").exists()


@pytest.mark.parametrize("function", [False, True])
def test_a_refusal_leaves_nothing(server: FakeServer, client: Client, tmp_path: Path, function: bool) -> None:
    server.on("GET", "/checkpoint/file", b"Checkpoint with uuid 'p' not found", 404)
    with pytest.raises(NotFoundException, match="'p' not found"):
        if function:
            checkpoint.download_checkpoint("token", server.address, P, tmp_path / "net")
        else:
            client.download_checkpoint(P, tmp_path / "net")
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_restarts_is_waited_for(server: FakeServer, patient: Client, tmp_path: Path) -> None:
    content = made()
    store = Store(server, content)
    answers: list[Any] = [Answer(503, b"not now"), ConnectionResetError()]

    def answer(request: Request) -> Answer:
        if not answers:
            return store.answer(request)
        first = answers.pop(0)
        if isinstance(first, Exception):
            raise first
        return Answer(first.status, first.body)

    server.on("GET", "/checkpoint/file", answer)
    patient.download_checkpoint(P, tmp_path / "net")
    assert (tmp_path / "net").read_bytes() == content


class Table:
    """A file whose length the server does not know; connections break off as they do with `Store`."""

    def __init__(self, server: FakeServer, content: bytes, *breaks: int) -> None:
        self.content, self.breaks, self.asked = content, list(breaks), list[str]()
        self.tag = '"one"'
        server.on("GET", "/dataset/file", self.answer)

    def answer(self, request: Request) -> Answer:
        assert request.query["format"] == "csv"
        self.asked.append(request.query.get("offset", ""))
        part = self.content[int(request.query.get("offset", 0)) :]
        sent = part[: self.breaks.pop(0)] if self.breaks else part
        return Answer(200, sent, {"ETag": self.tag, "Content-Length": str(len(part))})


@pytest.mark.parametrize("function", [False, True])
def test_a_table_is_gone_on_with_behind_what_has_arrived(
    server: FakeServer, patient: Client, tmp_path: Path, function: bool
) -> None:
    store = Table(server, BODY, 100_000, 50_000)
    if function:
        dataset.download_dataset("token", server.address, D, tmp_path / "table")
    else:
        patient.download_dataset(D, tmp_path / "table")
    assert store.asked == ["", "98304", "147456"]
    assert (tmp_path / "table").read_bytes() == BODY


def test_a_table_that_has_changed_meanwhile_is_sent_from_its_start(
    server: FakeServer, patient: Client, tmp_path: Path
) -> None:
    store = Table(server, BODY, 100_000)

    def changed(request: Request) -> Answer:
        if store.asked:
            store.tag, store.content = '"two"', BODY[::-1]
        return store.answer(request)

    server.on("GET", "/dataset/file", changed)
    patient.download_dataset(D, tmp_path / "table")
    assert store.asked == ["", "98304", ""]
    assert (tmp_path / "table").read_bytes() == BODY[::-1]


def test_what_is_left_of_a_table_is_removed(server: FakeServer, tmp_path: Path) -> None:
    Table(server, BODY, *[100_000] + [0] * 50)
    with Client(server.address, "asdf", "asdfasdf", timeout=5, retry=0.1) as hasty:
        with pytest.raises(ConnectionFailedException):
            hasty.download_dataset(D, tmp_path / "table")
    assert list(tmp_path.iterdir()) == []
