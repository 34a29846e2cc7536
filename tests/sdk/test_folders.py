"""Files of folders: an upload goes on where it stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from hanami_sdk import ConflictException, ConnectionFailedException, _folders
from hanami_sdk._endpoint import Endpoint
from tests.sdk.fake_server import C


class Receiving:
    """A server that takes pieces; `faults` says what happens to each of the first ones."""

    retry = 5.0
    timeout = 5.0

    def __init__(self, *faults: str) -> None:
        self.content, self.faults = b"", list(faults)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        assert (path, body["uuid"], body["path"]) == ("/folder/upload", C, "a/file")
        return {"token": "t", "seconds": 5}

    def get(self, path: str, /, **query: object) -> Any:
        assert (path, query) == ("/folder/upload", {"token": "t"})
        return {"offset": len(self.content), "size": 0}

    def put_bytes(self, path: str, content: bytes, /, **query: Any) -> Any:
        assert (path, query["token"]) == ("/folder/upload", "t")
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "half":
            self.content += content[: len(content) // 2]
            raise ConnectionFailedException("gone")
        if query["offset"] != len(self.content) or fault == "refused":
            raise ConflictException("The upload continues elsewhere", 409)
        self.content += content
        if fault == "lost":
            raise ConnectionFailedException("gone")
        return {"offset": len(self.content), "size": 0}


def send(server: Receiving, source: Path) -> list[tuple[int, int]]:
    told: list[tuple[int, int]] = []
    _folders.upload(cast(Endpoint, server), C, source, "a/file", lambda done, total: told.append((done, total)))
    return told


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(_folders, "PIECE", 4)
    file = tmp_path / "file"
    file.write_bytes(b"0123456789")
    return file


def test_a_file_is_sent_in_pieces(source: Path) -> None:
    server = Receiving()
    assert send(server, source) == [(4, 10), (8, 10), (10, 10)]
    assert server.content == b"0123456789"


@pytest.mark.parametrize("faults", [("half",), ("", "half", "half"), ("lost",), ("", "", "lost"), ("lost", "half")])
def test_it_goes_on_after_a_broken_connection(source: Path, faults: tuple[str, ...]) -> None:
    server = Receiving(*faults)
    assert send(server, source)[-1] == (10, 10)
    assert server.content == b"0123456789"


def test_a_refusal_is_final(source: Path) -> None:
    with pytest.raises(ConflictException, match="elsewhere"):
        send(Receiving("refused"), source)


def test_a_server_that_stays_away_is_given_up_on(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Receiving("half")
    monkeypatch.setattr(server, "retry", 0.0)
    with pytest.raises(ConnectionFailedException, match="gone"):
        send(server, source)


def test_an_empty_file_needs_no_piece(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert send(Receiving("refused"), tmp_path / "empty") == []
