"""Files of virtual folders as released clients of Backend.AI send, fetch and move them."""

from __future__ import annotations

import io
import json
import os
import tarfile
import tracemalloc
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from falcon.testing import create_environ

from hanami_plugins.folders import FolderUpload
from hanami_plugins.folders.opening import storage_of
from tests.plugins.backendai_kit import SignedClient
from tests.plugins.folders.wire import (
    PIECE,
    announce,
    answered,
    download,
    fetch,
    names,
    patch,
    place,
    problem,
    send,
)
from tests.whole import Whole


@pytest.mark.usefixtures("texts")
def test_a_file_goes_up_in_pieces_and_comes_down(whole: Whole, client: SignedClient) -> None:
    token = announce(client, "a/b c.txt", 8)
    assert patch(whole, token, 0, b"0123").headers["upload-offset"] == "4"
    head = whole.http.simulate_head("/backendai/storage/upload", params={"token": token})
    assert (head.headers["upload-offset"], head.headers["upload-length"]) == ("4", "8")
    assert names(client) == []
    assert patch(whole, token, 4, b"4567").headers["upload-offset"] == "8"
    assert names(client) == ["a"]
    got = fetch(whole, client, "a/b c.txt")
    assert (got.content, got.headers["content-length"]) == (b"01234567", "8")
    info = answered(client.call("GET", "/folders/texts"))
    assert (info["numFiles"], info["used_bytes"]) == (1, 8)
    part = answered(client.call("POST", "/folders/texts/request-download", path="a/b c.txt"))["token"]
    assert download(whole, part, Range="bytes=2-3").content == b"23"


@pytest.mark.usefixtures("texts")
def test_an_empty_file_needs_no_piece(whole: Whole, client: SignedClient) -> None:
    send(whole, client, "empty", b"")
    assert fetch(whole, client, "empty").content == b""


@pytest.mark.usefixtures("texts")
def test_a_lying_offset_is_refused(whole: Whole, client: SignedClient) -> None:
    token = announce(client, "file", 8)
    patch(whole, token, 0, b"0123")
    for offset in (0, 3, 5, 8, 1 << 40):
        assert problem(patch(whole, token, offset, b"4567")) == (409, "storage/upload-offset-mismatch")
    for offset in ("", "-1", "x", "4.0", "1" * 30, "٤"):
        refused = patch(whole, token, offset.encode().decode("latin-1"), b"4567")
        assert problem(refused) == (400, "invalid-api-params")
    assert names(client) == []
    patch(whole, token, 4, b"4567")
    assert fetch(whole, client, "file").content == b"01234567"


@pytest.mark.usefixtures("texts")
def test_a_file_that_is_longer_than_announced_leaves_nothing(whole: Whole, client: SignedClient) -> None:
    token = announce(client, "file", 8)
    patch(whole, token, 0, b"0123")
    assert problem(patch(whole, token, 4, b"45678")) == (400, "storage/upload-too-long")
    assert (names(client), FolderUpload.select().count()) == ([], 0)
    assert list(storage_of(whole.runtime, "files").uploads()) == []


@pytest.mark.usefixtures("texts")
def test_a_file_that_has_arrived_gets_its_place_when_somebody_asks(
    whole: Whole, client: SignedClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = announce(client, "file", 4)
    with monkeypatch.context() as patched:
        patched.setattr(storage_of(whole.runtime, "files"), "complete", Mock(side_effect=OSError(5, "broken")))
        assert patch(whole, token, 0, b"0123").status_code == 503
    assert names(client) == []
    for _ in range(2):
        head = whole.http.simulate_head("/backendai/storage/upload", params={"token": token})
        assert (head.headers["upload-offset"], head.headers["upload-length"]) == ("4", "4")
        assert fetch(whole, client, "file").content == b"0123"


@pytest.mark.usefixtures("texts")
def test_of_two_uploads_to_one_path_the_later_one_counts(whole: Whole, client: SignedClient) -> None:
    first, second = announce(client, "file", 5), announce(client, "file", 6)
    patch(whole, first, 0, b"fir")
    patch(whole, second, 0, b"second")
    assert fetch(whole, client, "file").content == b"second"
    patch(whole, first, 3, b"st")
    assert fetch(whole, client, "file").content == b"first"
    info = answered(client.call("GET", "/folders/texts"))
    assert (info["numFiles"], info["used_bytes"]) == (1, 5)


@pytest.mark.usefixtures("texts")
def test_tus_says_what_it_can_and_what_it_cannot(whole: Whole, client: SignedClient) -> None:
    answer = whole.http.simulate_options("/backendai/storage/upload")
    assert (answer.status_code, answer.headers["tus-version"]) == (204, "1.0.0")
    token = announce(client, "file", 4)
    other = patch(whole, token, 0, b"0123", **{"Content-Type": "text/plain"})
    assert problem(other) == (415, "storage/unsupported-media-type")
    other = patch(whole, token, 0, b"0123", **{"Tus-Resumable": "0.2.2"})
    assert problem(other) == (412, "storage/unsupported-version")
    assert problem(patch(whole, token + "x", 0, b"0123")) == (401, "storage/invalid-token")
    assert problem(whole.http.simulate_patch("/backendai/storage/upload")) == (400, "invalid-api-params")
    withdrawn = whole.http.simulate_delete("/backendai/storage/upload", params={"token": token})
    assert withdrawn.status_code == 204
    assert problem(patch(whole, token, 0, b"0123")) == (404, "storage/object-not-found")
    assert FolderUpload.select().count() == 0


@pytest.mark.usefixtures("texts")
def test_a_directory_comes_as_an_archive(whole: Whole, client: SignedClient) -> None:
    send(whole, client, "d/a", b"one")
    send(whole, client, "d/e/b", b"two")
    got = fetch(whole, client, "d", archive=True)
    assert int(got.headers["content-length"]) == len(got.content)
    with tarfile.open(fileobj=io.BytesIO(got.content)) as archive:
        assert sorted(archive.getnames()) == ["d/a", "d/e", "d/e/b"]
        assert archive.extractfile("d/e/b").read() == b"two"  # type: ignore[union-attr]
    token = answered(client.call("POST", "/folders/texts/request-download", path=".", archive=True))["token"]
    whole_one = download(whole, token, Range="bytes=0-3")
    assert (whole_one.status_code, whole_one.headers["content-disposition"]) == (
        200,
        "attachment; filename*=UTF-8''texts.tar",
    )


class Zeros:
    """A body of so many bytes, which nobody has in memory."""

    def __init__(self, size: int) -> None:
        self._left = size

    def read(self, size: int) -> bytes:
        size = min(size, self._left)
        self._left -= size
        return bytes(size)


def sent(whole: Whole, environ: dict[str, Any]) -> int:
    """Return how many bytes answer a call, whose pieces are thrown away."""
    return sum(map(len, whole.http.app(environ, lambda *_: None)))


@pytest.mark.usefixtures("texts")
def test_nothing_large_is_in_memory(whole: Whole, client: SignedClient) -> None:
    size, upload, given = 64 << 20, announce(client, "big", 64 << 20), PIECE | {"Upload-Offset": "0"}
    tracemalloc.start()
    try:
        target = {"path": "/backendai/storage/upload", "query_string": f"token={upload}"}
        environ = create_environ(method="PATCH", headers=given | {"Content-Length": str(size)}, **target)
        assert sent(whole, environ | {"wsgi.input": Zeros(size)}) == 0
        for path, archive, more in (("big", False, 0), (".", True, 512)):
            asked = client.call("POST", "/folders/texts/request-download", path=path, archive=archive)
            query = f"token={answered(asked)['token']}"
            assert sent(whole, create_environ("/backendai/storage/download", query)) >= size + more
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.usefixtures("texts")
def test_files_are_moved_renamed_and_deleted(whole: Whole, client: SignedClient) -> None:
    answered(client.call("POST", "/folders/texts/mkdir", path="x/y"), 201)
    send(whole, client, "file", b"1")
    assert answered(client.call("POST", "/folders/texts/move-file", src="file", dst="x/y")) == {}
    assert answered(client.call("POST", "/folders/texts/rename-file", target_path="x/y/file", new_name="f")) == {}
    assert names(client, "x/y") == ["f"]
    refused = client.call("POST", "/folders/texts/rename-file", target_path="x/y/f", new_name="a/b")
    assert (problem(refused), list(refused.json["data"])) == ((400, "invalid-api-params"), ["target_path"])
    assert problem(client.call("DELETE", "/folders/texts/delete-files", files=["x"])) == (
        400,
        "vfolder-operation-failed",
    )
    assert answered(client.call("DELETE", "/folders/texts/delete-files", files=["x/y/f"])) == {}
    assert answered(client.call("DELETE", "/folders/texts/delete-files", files=["x"], recursive=True)) == {}
    assert names(client) == []


@pytest.mark.usefixtures("texts")
def test_files_are_listed_as_ls_does(whole: Whole, client: SignedClient) -> None:
    send(whole, client, "d/file", b"12")
    (place(whole) / "link").symlink_to("/etc/passwd")
    found = answered(client.call("GET", "/folders/texts/files"))
    assert [(one["name"], one["type"], one["mode"][0]) for one in found["items"]] == [
        ("d", "DIRECTORY", "d"),
        ("link", "SYMLINK", "l"),
    ]
    [file] = json.loads(answered(client.call("GET", "/folders/texts/files", path="d"))["files"])
    assert (file["filename"], file["size"], file["mode"]) == ("file", 2, "-rw-------")
    assert isinstance(file["mtime"], float)


BAD_PATHS = ("../x", "a/../../x", "/etc/passwd", "a\0b", "x" * 300, "a/" * 3000, "")


@pytest.mark.parametrize("path", BAD_PATHS)
@pytest.mark.usefixtures("texts")
def test_a_path_that_leads_elsewhere_is_refused(whole: Whole, client: SignedClient, path: str) -> None:
    send(whole, client, "file", b"1")
    for method, route, fields in (
        ("POST", "mkdir", {"path": path}),
        ("POST", "rename-file", {"target_path": path, "new_name": "b"}),
        ("POST", "rename-file", {"target_path": "file", "new_name": path}),
        ("POST", "move-file", {"src": path, "dst": "b"}),
        ("POST", "move-file", {"src": "file", "dst": path or ".."}),
        ("DELETE", "delete-files", {"files": ["file", path]}),
        ("POST", "request-upload", {"path": path, "size": 1}),
        ("POST", "request-download", {"path": path}),
        ("GET", "files", {"path": path or ".."}),
    ):
        refused = client.call(method, f"/folders/texts/{route}", **fields)
        assert problem(refused) == (400, "invalid-api-params"), route
        assert len(refused.json["data"]) == 1
    assert names(client) == ["file"]
    assert FolderUpload.active().count() == 0


@pytest.mark.usefixtures("texts")
def test_no_link_is_followed(whole: Whole, client: SignedClient, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (place(whole) / "out").symlink_to(tmp_path)
    (place(whole) / "secret").symlink_to(tmp_path / "secret")
    os.mkfifo(place(whole) / "pipe")
    for path in ("out/secret", "secret", "pipe"):
        refused = client.call("POST", "/folders/texts/request-download", path=path)
        assert refused.status_code == 400, path
        assert problem(refused)[1] == "vfolder-operation-failed"
    for method, route, fields in (
        ("GET", "files", {"path": "out"}),
        ("POST", "mkdir", {"path": "out/new"}),
        ("POST", "request-upload", {"path": "out/new", "size": 0}),
        ("DELETE", "delete-files", {"files": ["out/secret"]}),
        ("POST", "move-file", {"src": "out/secret", "dst": "mine"}),
    ):
        assert client.call(method, f"/folders/texts/{route}", **fields).status_code == 400, route
    assert os.listdir(tmp_path) == ["secret"]
    assert b"secret\0" not in fetch(whole, client, ".", archive=True).content
