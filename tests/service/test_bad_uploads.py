"""Uploads that lie, break off or make no sense: refused with the reason, and nothing is left behind."""

from __future__ import annotations

import json
import struct

import pytest
import requests

from hanami_sdk import Client, hanami_token
from hanami_sdk.hanami_exceptions import BadRequestException
from hanami_server.local import LocalServer

IMAGES = struct.pack(">IIII", 2051, 3, 2, 2) + bytes(range(12))
LABELS = struct.pack(">II", 2049, 3) + bytes([1, 2, 3])


def post(server: LocalServer, path: str, content: str | bytes, method: str = "POST") -> tuple[int, str]:
    token = hanami_token.request_token(server.address, server.user, server.passphrase)
    url = f"{server.address}/v1.0alpha/{path}"
    answer = requests.request(method, url, data=content, headers={"X-Auth-Token": token}, timeout=30)
    return answer.status_code, answer.text


BROKEN = {
    "wrong magic of the images": (b"\0\0\0\0" + IMAGES[4:], LABELS),
    "wrong magic of the labels": (IMAGES, b"\0\0\0\0" + LABELS[4:]),
    "more images than bytes": (IMAGES[:4] + struct.pack(">I", 60_000) + IMAGES[8:], LABELS),
    "4e9 images": (IMAGES[:4] + struct.pack(">I", 4_000_000_000) + IMAGES[8:], LABELS),
    "huge rows and columns": (IMAGES[:8] + struct.pack(">II", 2**31, 2**31) + IMAGES[16:], LABELS),
    "fewer labels than images": (IMAGES, struct.pack(">II", 2049, 2) + bytes([1, 2])),
    "label 255": (IMAGES, LABELS[:-1] + b"\xff"),
    "cut images": (IMAGES[:-1], LABELS),
    "one byte": (b"\0", b"\0"),
    "surplus bytes": (IMAGES + b"\0", LABELS),
    "no rows": (struct.pack(">IIII", 2051, 0, 2, 2), struct.pack(">II", 2049, 0)),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_idx_files_are_refused(client: Client, name: str) -> None:
    before = client.datasets()
    with pytest.raises(BadRequestException) as caught:
        client.upload_mnist("broken", *BROKEN[name])
    assert len(str(caught.value)) > 10
    assert client.datasets() == before


def test_a_small_idx_pair_is_read(client: Client) -> None:
    dataset = client.upload_mnist("small", IMAGES, LABELS)
    assert (dataset.number_of_rows, dict(dataset.columns)) == (3, {"picture": range(4), "label": range(4, 14)})
    assert client.dataset_content(dataset, "picture", 3)[1] == [4.0, 5.0, 6.0, 7.0]


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"a,b\n1,2\n3\n", "3"),
        (b"a,b\n1,2\n3,4,5\n", "3"),
        (b"a,b\n1,x\n", "2"),
        (b"a,b\n1,1e400\n", "2"),
        (b"a,b\n1,nan\n", "2"),
        (b"a,a\n1,2\n", "a"),
        (b"a,\n1,2\n", "1"),
        (b"a,b\n", "rows"),
        (b"a,b\n1,\x00\n", "2"),
        ("a,b\n1,2\n".encode("utf-16"), ""),
    ],
)
def test_broken_csv_files_are_refused(client: Client, content: bytes, place: str) -> None:
    before = client.datasets()
    with pytest.raises(BadRequestException) as caught:
        client.upload_csv("broken", content)
    assert place in str(caught.value)
    assert client.datasets() == before


def test_finalising_before_the_upload_is_refused(server: LocalServer, client: Client) -> None:
    body = {"name": "early", "input_data_size": 5, "label_data_size": 5}
    status, text = post(server, "dataset/upload/mnist", json.dumps(body))
    assert status == 200
    created = json.loads(text)
    final = {key: created[key] for key in ("uuid", "uuid_input_file", "uuid_label_file")}
    status, text = post(server, "dataset/upload/mnist", json.dumps(final), "PUT")
    assert (status, "missing" in text) == (400, True)
    progress = client.get("/dataset/progress", uuid=created["uuid"])
    assert (progress["complete"], progress["uuid"]) == (False, created["uuid"])
    client.delete_dataset(created["uuid"])
