"""Uploads: announcement, chunks, waiting, finish, and what goes wrong on the way."""

from __future__ import annotations

import asyncio
import gzip
import io
import os
import struct
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hanami_sdk import (
    BadRequestException,
    Client,
    ConnectionFailedException,
    NotFoundException,
    UnauthorizedException,
    UploadException,
    WaitTimeoutException,
    _messages,
    _sources,
    _upload,
    dataset,
    hanami_request,
)

from .fake_server import ACK, Answer, D, FakeServer, Peer, Request

CHUNK = 131_072
IMAGES = os.urandom(3 * CHUNK + 5)
LABELS = os.urandom(CHUNK)
PROTOTYPE = {"uuid": D, "name": "digits"}


@pytest.fixture(autouse=True)
def upload_routes(server: FakeServer) -> None:
    files = {"uuid_input_file": "file-i", "uuid_label_file": "file-l"}
    for format in ("mnist", "csv", "parquet"):
        server.on("POST", f"/dataset/upload/{format}", {"uuid": D, **files})
        server.on("PUT", f"/dataset/upload/{format}", {"uuid": D})
    server.on("GET", "/dataset/progress", {"uuid": D, "complete": True})
    server.on("GET", "/dataset", PROTOTYPE)
    server.on("DELETE", "/dataset")


def received(server: FakeServer) -> list[tuple[int, bytes]]:
    """Return position and data of all chunks."""
    messages = [_messages.classes().upload.FromString(frame) for frame in server.frames]
    return [(message.position, message.data) for message in messages]


def content(server: FakeServer) -> bytes:
    return b"".join(data for _, data in received(server))


def calls(server: FakeServer) -> list[tuple[str, str]]:
    return [(request.method, request.path.removeprefix("/v1.0alpha")) for request in server.requests]


def test_mnist_files(server: FakeServer, tmp_path: Path) -> None:
    images, labels = tmp_path / "images", tmp_path / "labels"
    images.write_bytes(IMAGES)
    labels.write_bytes(LABELS)
    assert dataset.upload_mnist_files("tok", server.address, "digits", str(images), str(labels)) == D
    assert calls(server) == [
        ("POST", "/dataset/upload/mnist"),
        ("GET", "/dataset/progress"),
        ("PUT", "/dataset/upload/mnist"),
    ]
    announcement, progress, finish = server.requests
    assert announcement.body == {"name": "digits", "input_data_size": len(IMAGES), "label_data_size": len(LABELS)}
    assert progress.query == {"uuid": D}
    assert finish.body == {"uuid": D, "uuid_input_file": "file-i", "uuid_label_file": "file-l"}
    assert server.openings == [
        {"token": "tok", "target": "file_upload", "uuid": "file-i"},
        {"token": "tok", "target": "file_upload", "uuid": "file-l"},
    ]
    assert [(position, len(data)) for position, data in received(server)] == [
        (0, CHUNK),
        (CHUNK, CHUNK),
        (2 * CHUNK, CHUNK),
        (3 * CHUNK, 5),
        (0, CHUNK),
    ]
    assert content(server) == IMAGES + LABELS


def test_csv_file(server: FakeServer, tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(b"a,b\n1,2\n")
    assert dataset.upload_csv_files("tok", server.address, "numbers", path, verify_connection=False) == D
    assert server.requests[0].body == {"name": "numbers", "input_data_size": 8}
    assert server.requests[2].body == {"uuid": D, "uuid_input_file": "file-i"}
    assert content(server) == b"a,b\n1,2\n"


def test_format_of_a_plugin(server: FakeServer) -> None:
    seen: list[tuple[int, int]] = []
    parts = {"input": b"PAR1"}
    uuid = dataset.upload_files(
        "tok", server.address, "table", "parquet", parts, True, progress=lambda *step: seen.append(step)
    )
    assert uuid == D
    assert calls(server)[0] == ("POST", "/dataset/upload/parquet")
    assert seen == [(4, 4)]


def test_format_is_one_part_of_the_path(server: FakeServer) -> None:
    with pytest.raises(NotFoundException):
        dataset.upload_files("tok", server.address, "table", "../cluster?x", {"input": b"x"})
    assert calls(server) == [("POST", "/dataset/upload/..%2Fcluster%3Fx")]


def test_format_with_other_parts(server: FakeServer) -> None:
    with pytest.raises(UploadException, match="uuid_weights_file"):
        dataset.upload_files("tok", server.address, "table", "parquet", {"weights": b"x"})


def test_functions_work_inside_an_event_loop(server: FakeServer) -> None:
    async def main() -> tuple[str, bool]:
        uuid = dataset.upload_csv_files("tok", server.address, "numbers", io.BytesIO(b"a,b\n1,2\n"))
        return uuid, await dataset.send_data("tok", server.address, D, "file-i", b"abc")

    assert asyncio.run(main()) == (D, True)
    assert server.frames[-1] == bytes.fromhex("1203616263")


def test_client_uploads(server: FakeServer, client: Client) -> None:
    description = {"picture": {"column_start": 0, "column_end": 784}, "label": {"column_start": 784, "column_end": 794}}
    server.on(
        "GET", "/dataset", PROTOTYPE | {"description": description, "number_of_rows": 3, "number_of_columns": 794}
    )
    seen: list[tuple[int, int]] = []
    result = client.upload_mnist("digits", IMAGES, bytearray(LABELS), lambda *step: seen.append(step))
    assert (result.uuid, result.number_of_rows, result.columns["label"]) == (D, 3, range(784, 794))
    total = len(IMAGES) + len(LABELS)
    assert seen == [(size, total) for size in (CHUNK, 2 * CHUNK, 3 * CHUNK, len(IMAGES), total)]
    assert client.upload_csv("numbers", b"a,b\n1,2\n").name == "digits"
    assert client.upload("table", "parquet", {"input": memoryview(b"PAR1")}).uuid == D


def test_gzip_is_unpacked_for_mnist_only(server: FakeServer, client: Client, tmp_path: Path) -> None:
    packed = gzip.compress(IMAGES, 1) + gzip.compress(b"second member", 1)
    path = tmp_path / "images.gz"
    path.write_bytes(packed)
    client.upload_mnist("digits", path, LABELS)
    assert server.requests[0].body["input_data_size"] == len(IMAGES) + 13
    assert content(server) == IMAGES + b"second member" + LABELS
    server.frames.clear()
    client.upload_csv("numbers", str(path))
    assert content(server) == packed


@pytest.mark.parametrize("damage", [lambda data: data[:-9], lambda data: b"no gzip" + data])
def test_damaged_gzip(server: FakeServer, client: Client, tmp_path: Path, damage: Any) -> None:
    path = tmp_path / "images.gz"
    path.write_bytes(damage(gzip.compress(IMAGES, 1)))
    with pytest.raises(ValueError, match=r"images\.gz is not a complete gzip file"):
        client.upload_mnist("digits", path, LABELS)
    assert server.requests == []


def test_arrays_get_an_idx_header(server: FakeServer, client: Client) -> None:
    images = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
    client.upload_mnist("digits", images[:, ::-1], np.array([7, 1], dtype=np.uint8))
    expected = struct.pack(">4I", 0x803, 2, 3, 4) + images[:, ::-1].tobytes() + struct.pack(">2I2B", 0x801, 2, 7, 1)
    assert content(server) == expected
    with pytest.raises(TypeError, match="uint8, not of int64"):
        client.upload_mnist("digits", images.astype(np.int64), LABELS)


def test_files_are_read_from_where_they_stand(server: FakeServer, client: Client, tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(b"skip" + IMAGES)
    with path.open("rb", buffering=0) as file:
        file.seek(4)
        client.upload_csv("numbers", file)
        assert not file.closed
    assert content(server) == IMAGES


def test_pipe(server: FakeServer, client: Client) -> None:
    reader, writer = os.pipe()

    def fill() -> None:
        with open(writer, "wb") as pipe:
            pipe.write(IMAGES)

    thread = threading.Thread(target=fill)
    thread.start()
    with open(reader, "rb") as pipe:
        client.upload_csv("numbers", pipe)
    thread.join()
    assert content(server) == IMAGES


def test_unusable_sources(client: Client, server: FakeServer, tmp_path: Path) -> None:
    for source in (io.StringIO("a,b"), 5, None):
        with pytest.raises(TypeError):
            client.upload_csv("numbers", source)  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError):
        client.upload_csv("numbers", tmp_path / "missing")
    assert server.requests == []


class Trickle(io.BytesIO):
    def read(self, size: int | None = -1) -> bytes:
        return super().read(3)


def test_short_reads_make_no_short_chunks(server: FakeServer, client: Client) -> None:
    client.upload_csv("numbers", Trickle(b"abcdefgh"))
    assert received(server) == [(0, b"abcdefgh")]


def test_file_becomes_shorter(server: FakeServer, client: Client) -> None:
    file = io.BytesIO(IMAGES)

    def shorten(done: int, total: int) -> None:
        file.truncate(done)

    with pytest.raises(UploadException, match="shorter"):
        client.upload_csv("numbers", file, shorten)
    assert calls(server)[-1] == ("DELETE", "/dataset")


def test_refused_chunk(server: FakeServer, client: Client) -> None:
    refusal = bytes.fromhex("1207") + b"is full"
    server.answer_frame = lambda message: ACK if len(server.frames) < 3 else refusal
    seen: list[tuple[int, int]] = []
    with pytest.raises(UploadException, match=r"^is full$"):
        client.upload_csv("numbers", IMAGES, lambda *step: seen.append(step))
    assert seen == [(CHUNK, len(IMAGES)), (2 * CHUNK, len(IMAGES))]
    assert server.websocket_ended.wait(10)
    assert calls(server) == [("POST", "/dataset/upload/csv"), ("DELETE", "/dataset")]
    assert server.requests[1].query == {"uuid": D}


def test_refused_chunk_without_reason(server: FakeServer, client: Client) -> None:
    server.answer_frame = lambda message: b""
    with pytest.raises(UploadException, match="refused the bytes from 0 on"):
        client.upload_csv("numbers", IMAGES)


def test_error_as_text(server: FakeServer, client: Client) -> None:
    server.answer_frame = lambda message: '{"success":false,"error":"quota"}'
    with pytest.raises(UploadException, match=r"^quota$"):
        client.upload_csv("numbers", IMAGES)


def test_server_closes_the_upload(server: FakeServer, client: Client) -> None:
    def close(peer: Peer) -> None:
        peer.receive()
        peer.close(1011, "disk failed")

    server.talk = close
    with pytest.raises(ConnectionFailedException, match=r"\(1011\) disk failed"):
        client.upload_csv("numbers", IMAGES)
    assert calls(server)[-1] == ("DELETE", "/dataset")


def test_connection_breaks(server: FakeServer, client: Client) -> None:
    server.talk = lambda peer: None  # the handler returns, which closes the socket without a word
    with pytest.raises(ConnectionFailedException):
        client.upload_csv("numbers", IMAGES)


class Flaky:
    """Takes some chunks on each connection, the last of which it does not acknowledge, and tells what it has."""

    def __init__(self, server: FakeServer, *takes: int, lost: int = 0) -> None:
        self.server, self.takes, self.lost, self.size = server, list(takes), lost, 0
        server.talk = self.talk
        server.on("GET", "/dataset/progress", self.progress)

    def talk(self, peer: Peer) -> None:
        take = self.takes.pop(0) if self.takes else 1000
        for number in range(take):
            message = peer.receive()
            if message is None:
                return
            self.server.frames.append(message)
            ((position, data),) = received(self.server)[-1:]
            self.size = position + len(data) - self.lost
            if number < take - 1:
                peer.send(ACK)

    def progress(self, request: Request) -> Answer:
        return Answer(body={"uuid": D, "complete": True, "received": {"file-i": self.size, "file-l": 0}})


def written(server: FakeServer) -> bytes:
    file = bytearray()
    for position, data in received(server):
        file[position : position + len(data)] = data
    return bytes(file)


def test_upload_goes_on_after_broken_connections(server: FakeServer, client: Client) -> None:
    Flaky(server, 2, 1)
    seen: list[int] = []
    client.upload_csv("numbers", io.BytesIO(IMAGES), lambda done, total: seen.append(done))
    assert len(server.openings) == 3
    assert [position // CHUNK for position, _ in received(server)] == [0, 1, 2, 3]
    assert written(server) == IMAGES
    assert seen[-1] == len(IMAGES)
    assert ("DELETE", "/dataset") not in calls(server)


def test_upload_goes_back_to_what_the_server_has(server: FakeServer, client: Client) -> None:
    Flaky(server, 3, lost=CHUNK + 7)
    client.upload_csv("numbers", IMAGES)
    assert [position for position, _ in received(server)][:4] == [0, CHUNK, 2 * CHUNK, 2 * CHUNK - 7]
    assert written(server) == IMAGES


def test_documented_functions_go_on_too(server: FakeServer) -> None:
    Flaky(server, 2)
    dataset.upload_csv_files("tok", server.address, "numbers", IMAGES)
    assert written(server) == IMAGES
    Flaky(server, 2)
    asyncio.run(dataset.send_data("tok", server.address, D, "file-i", IMAGES))
    assert written(server) == IMAGES


def test_upload_gives_up_when_nothing_arrives_any_more(server: FakeServer) -> None:
    Flaky(server, *[0] * 1000)
    with Client(server.address, "asdf", "asdfasdf", retry=1.0) as client:
        with pytest.raises(ConnectionFailedException):
            client.upload_csv("numbers", IMAGES)
    assert len(server.openings) > 2
    assert calls(server)[-1] == ("DELETE", "/dataset")


def test_upload_does_not_go_on_without_patience(server: FakeServer) -> None:
    Flaky(server, 1)
    with Client(server.address, "asdf", "asdfasdf", retry=0) as client:
        with pytest.raises(ConnectionFailedException):
            client.upload_csv("numbers", IMAGES)
    assert len(server.openings) == 1


def test_clean_up_does_not_hide_the_reason(server: FakeServer, client: Client) -> None:
    server.on("PUT", "/dataset/upload/csv", "ragged", status=400)
    server.on("DELETE", "/dataset", status=500)
    with pytest.raises(BadRequestException, match="ragged"):
        client.upload_csv("numbers", b"a,b\n1\n")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("Tempfile with UUID 'file-i' not found", NotFoundException),
        ("Token invalid", UnauthorizedException),
    ],
)
def test_refused_websocket(server: FakeServer, error: str, kind: type[Exception]) -> None:
    server.opening_answer = f'{{"success":false,"error":"{error}"}}'
    with pytest.raises(kind, match=error):
        dataset.upload_csv_files("tok", server.address, "numbers", b"a,b\n1,2\n")


def test_waits_until_complete(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([False, False, True])
    server.answers["GET", "/v1.0alpha/dataset/progress"] = lambda request: Answer(body={"complete": next(answers)})
    monkeypatch.setattr("hanami_sdk._waiting._FIRST_PAUSE", 0.001)
    assert dataset.wait_until_upload_complete("tok", server.address, D) is True
    assert len(server.requests) == 3


def test_lost_upload_ends_the_waiting(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.on("GET", "/dataset/progress", "gone", status=404)
    with pytest.raises(NotFoundException, match="gone"):
        dataset.wait_until_upload_complete("tok", server.address, D)
    server.on("GET", "/dataset/progress", {"uuid": D, "complete": False})
    monkeypatch.setattr("hanami_sdk._http._default_timeout", 60.0)
    hanami_request.set_default_timeout(0.05)
    with pytest.raises(WaitTimeoutException, match=rf"dataset {D} did not end within 0\.05 s"):
        dataset.wait_until_upload_complete("tok", server.address, D)


def test_large_sources_are_not_held_in_memory() -> None:
    """A reader of which nothing is kept: what is alive at the same time stays near the size of a chunk."""
    import tracemalloc

    class Nowhere:
        timeout = 1.0

        def open_socket(self, *args: Any) -> Any:
            return self

        def exchange(self, message: bytes) -> bytes:
            return ACK

        def close(self) -> None:
            pass

    source = _sources.Source(64 * CHUNK, lambda position, count: bytes(count))
    _messages.encode_chunk(0, b"")
    tracemalloc.start()
    try:
        _upload.send_source(Nowhere(), "file", source, lambda position: None)  # type: ignore[arg-type]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * CHUNK
