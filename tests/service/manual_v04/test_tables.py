"""Tables of v0.4: a brick sees as many lines at once as it has neurons."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from hanami_sdk.v04 import (
    cluster,
    dataset,
    hanami_exceptions,
    request_result,
    task,
)
from hanami_server.local import LocalServer
from tests.service.manual_v04.kit import Login, finish

TIDES = (0.0, 0.0, 1.0, 1.0)
TIDE_TEMPLATE = (
    "version: 1\n"
    "bricks:\n"
    "    1,1,1\n"
    "        input: tide\n"
    "        number_of_neurons: 3\n"
    "    2,0,1\n"
    "        input: moon\n"
    "        number_of_neurons: 2\n"
    "    2,1,1\n"
    "        number_of_neurons: 20\n"
    "    3,1,1\n"
    "        output: next\n"
    "        number_of_neurons: 1\n"
)


def tides(lines: int, *columns: str) -> bytes:
    """Return a table of tides: three of them tell the next one, fewer do not."""
    values = {"tide": 0, "moon": 2, "next": 1}
    rows = [[TIDES[(line + values[name]) % 4] for name in columns] for line in range(lines)]
    return "\n".join([",".join(columns), *(",".join(map(str, row)) for row in rows)]).encode()


@pytest.fixture
def tide_network(login: Login) -> Iterator[str]:
    uuid = json.loads(cluster.create_cluster(*login, "tides", TIDE_TEMPLATE))["uuid"]
    yield uuid
    cluster.delete_cluster(*login, uuid)


def upload(login: Login, directory: Path, content: bytes) -> str:
    (directory / "table.csv").write_bytes(content)
    return dataset.upload_csv_files(*login, "table of v04", str(directory / "table.csv"))


def test_windows_of_a_table(login: Login, server: LocalServer, tide_network: str, tmp_path: Path) -> None:
    known = upload(login, tmp_path, tides(3000, "tide", "moon", "next"))
    finish(login, task.create_task(*login, "learn tides", "train", tide_network, known), tide_network)
    asked = upload(login, tmp_path, tides(50, "moon", "tide"))
    answer = finish(login, task.create_task(*login, "ask tides", "request", tide_network, asked), tide_network)
    found = json.loads(request_result.get_request_result(*login, answer))
    # The name is that of the task; v0.4 took that of the brick.
    owner = {"owner_id": server.user, "project_id": "admin", "visibility": "private"}
    assert found == owner | {"name": "ask tides", "uuid": answer, "data": found["data"]}
    # One number for each line that ends a window; v0.4 had one fewer.
    assert len(found["data"]) == 50 - 3 + 1
    assert [round(value) for value in found["data"]] == [TIDES[(line + 1) % 4] for line in range(2, 50)]
    request_result.delete_request_result(*login, answer)
    for uuid in (known, asked):
        dataset.delete_dataset(*login, uuid)


@pytest.mark.parametrize(
    ("content", "kind", "text"),
    [
        (tides(2, "tide", "moon", "next"), hanami_exceptions.BadRequestException, "too few rows"),
        (tides(9, "tide", "next"), hanami_exceptions.NotFoundException, "no column with the name of the brick 'moon'"),
        (tides(9, "tide", "moon"), hanami_exceptions.NotFoundException, "no column with the name of the brick 'next'"),
    ],
)
def test_tables_that_do_not_fit(
    login: Login, tide_network: str, tmp_path: Path, content: bytes, kind: type[Exception], text: str
) -> None:
    uuid = upload(login, tmp_path, content)
    with pytest.raises(kind, match=text):
        task.create_task(*login, "learn tides", "train", tide_network, uuid)
    assert json.loads(task.list_tasks(*login, tide_network))["body"] == []
    dataset.delete_dataset(*login, uuid)


def test_a_cluster_without_bricks(login: Login, digits: str, tmp_path: Path) -> None:
    """The names of bricks say what a dataset is for; without them no task is possible."""
    uuid = json.loads(cluster.create_cluster(*login, "no bricks", ""))["uuid"]
    numbers = upload(login, tmp_path, tides(9, "tide", "next"))
    refused = hanami_exceptions.BadRequestException, hanami_exceptions.ConflictException
    for given in (digits, numbers):
        for kind in ("train", "request"):
            with pytest.raises(refused):
                task.create_task(*login, "test_task", kind, uuid, given)
    dataset.delete_dataset(*login, numbers)
    cluster.delete_cluster(*login, uuid)
