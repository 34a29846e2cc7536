"""A defect on a real server: the client gets a number, admins find the rest under it, page by page."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hanami_sdk import Client
from hanami_server.local import LocalServer
from tests.service.wire import Wire

HEADER = ["created_at", "user_id", "component", "context", "input_values", "message"]


@pytest.fixture
def damaged(server: LocalServer, client: Client) -> Iterator[str]:
    """Return the uuid of a dataset whose stored table was damaged."""
    before = set((server.data_dir / "blobs").rglob("*"))
    dataset = client.upload_csv("damaged", b"a,b\n1,2\n3,4\n")
    (file,) = {path for path in (server.data_dir / "blobs").rglob("*") if path.is_file()} - before
    flip(file)
    yield dataset.uuid
    client.delete_dataset(dataset)


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.chmod(0o600)
    file.write_bytes(content)


def rows(wire: Wire, **fields: Any) -> list[list[Any]]:
    answers = (wire.query("GET", "error_log", page=page, **fields).json for page in itertools.count())
    return [row for body in itertools.takewhile(bool, (answer["body"] for answer in answers)) for row in body]


def test_an_internal_error_is_told_by_its_number(wire: Wire, damaged: str, member: str) -> None:
    known = len(rows(wire))
    fields = {"uuid": damaged, "column_name": "a"}
    numbers = []
    for _ in range(101):
        answer = wire.query("GET", "dataset/content", **fields)
        assert (answer.status, answer.text[:15]) == (500, "internal error ")
        numbers.append(answer.text.removeprefix("internal error "))
    assert len(set(numbers)) == 101
    found = rows(wire)[known:]
    assert [row[5].partition(":")[0] for row in found] == [f"internal error {number}" for number in numbers]
    for row in found:
        assert row[1:5] == ["demo", "datasets.content", "GET v1.0alpha/dataset/content", fields]
    assert wire.query("GET", "error_log", page=0).json["header"] == HEADER
    assert len(wire.query("GET", "error_log", page=0).json["body"]) == 100
    assert wire.query("GET", "error_log", page=1).json["body"]
    assert rows(wire, user_id="demo")[-101:] == found
    assert rows(wire, user_id="plain_member") == []
    assert wire.query("GET", "error_log", page=10**9).json == {"header": HEADER, "body": []}
    assert wire.query("GET", "error_log", member, page=0) == (401, "Access denied by policy")
    assert wire.query("GET", "/health/ready").status == 200
