"""A dataset that is uploaded only if there is none of its name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from hanami_sdk import BadRequestException, Client, ConflictException, NotFoundException, WaitTimeoutException

from .fake_server import API, Answer, C, D, FakeServer, Request

READY: dict[str, Any] = {"uuid": D, "complete": True, "received": {}}
ARRIVING = READY | {"complete": False, "received": {"file": 3}}
TABLE = {"input": b"a,b\n1,2\n"}


def listed(*uuids: str) -> dict[str, Any]:
    return {"header": ["uuid", "name"], "body": [[uuid, "table"] for uuid in uuids]}


def in_turn(*answers: Any) -> Any:
    """Give one answer after the other, the last one for ever."""
    left: Iterator[Any] = iter(answers)
    last: list[Any] = []

    def answer(request: Request) -> Answer:
        last[:] = [next(left, *last)]
        return last[0] if isinstance(last[0], Answer) else Answer(body=last[0])

    return answer


@pytest.fixture(autouse=True)
def takes_uploads(server: FakeServer) -> None:
    server.on("POST", "/dataset/upload/csv", {"uuid": D, "uuid_input_file": "f"})
    server.on("PUT", "/dataset/upload/csv", {"uuid": D})
    server.on("GET", "/dataset/progress", READY)
    server.on("GET", "/dataset", {"uuid": D, "name": "table"})
    server.on("DELETE", "/dataset")


def calls(server: FakeServer) -> list[str]:
    return [f"{request.method} {request.path.removeprefix(API)}" for request in server.requests]


def test_one_that_is_there_is_not_uploaded(server: FakeServer, client: Client) -> None:
    server.on("GET", "/dataset/all", listed(D))
    assert client.get_or_create_dataset("table", "csv", TABLE).uuid == D
    assert calls(server) == ["GET /dataset/all", "GET /dataset/progress", "GET /dataset"]


def test_one_that_is_not_there_is_uploaded_under_a_name_that_nobody_else_gets(
    server: FakeServer, client: Client
) -> None:
    server.on("GET", "/dataset/all", listed())
    assert client.get_or_create_dataset("table", "csv", TABLE).uuid == D
    announced = server.requests[1]
    assert announced.body == {"name": "table", "input_data_size": 8, "unique": True}


def test_a_server_that_knows_no_unique_names_is_asked_without(server: FakeServer, client: Client) -> None:
    refusal = "Validation failed, because item 'unique' is not in the list of allowed keys"
    server.on("GET", "/dataset/all", listed())
    server.answers["POST", f"{API}/dataset/upload/csv"] = in_turn(
        Answer(400, refusal), {"uuid": D, "uuid_input_file": "f"}
    )
    assert client.get_or_create_dataset("table", "csv", TABLE).uuid == D
    assert [request.body for request in server.requests if request.method == "POST"][1] == {
        "name": "table",
        "input_data_size": 8,
    }


def test_the_upload_of_somebody_else_is_waited_for(server: FakeServer, client: Client) -> None:
    server.answers["GET", f"{API}/dataset/all"] = in_turn(listed(), listed(D))
    server.on("POST", "/dataset/upload/csv", "Data-set with name 'table' already exist.", status=409)
    server.answers["GET", f"{API}/dataset/progress"] = in_turn(ARRIVING, ARRIVING | {"state": "decoding"}, READY)
    assert client.get_or_create_dataset("table", "csv", TABLE).uuid == D
    assert calls(server).count("POST /dataset/upload/csv") == 1
    assert calls(server).count("GET /dataset/progress") == 3


def test_waiting_for_somebody_else_has_an_end(server: FakeServer, client: Client) -> None:
    server.on("GET", "/dataset/all", listed(D))
    server.on("GET", "/dataset/progress", ARRIVING)
    with pytest.raises(WaitTimeoutException, match="upload of dataset 'table' did not end"):
        client.get_or_create_dataset("table", "csv", TABLE, timeout=0.03)
    server.on("GET", "/dataset/progress", READY | {"state": "refused", "error": "line 2: ragged"})
    with pytest.raises(BadRequestException, match="line 2: ragged"):
        client.get_or_create_dataset("table", "csv", TABLE)


def test_who_finds_that_the_other_has_given_up_uploads_it(server: FakeServer, client: Client) -> None:
    server.answers["GET", f"{API}/dataset/all"] = in_turn(listed(C), listed())
    server.answers["GET", f"{API}/dataset/progress"] = in_turn(Answer(404, "gone"), READY)
    assert client.get_or_create_dataset("table", "csv", TABLE).uuid == D
    assert calls(server).count("POST /dataset/upload/csv") == 1


def test_an_upload_that_was_dropped_is_told(server: FakeServer, client: Client) -> None:
    server.on("GET", "/dataset/all", listed(C))
    server.on("GET", "/dataset/progress", "its upload was dropped", status=404)
    with pytest.raises(NotFoundException, match="its upload was dropped"):
        client.get_or_create_dataset("table", "csv", TABLE)


def test_a_refusal_that_has_nothing_to_do_with_names(server: FakeServer, client: Client) -> None:
    server.on("GET", "/dataset/all", listed())
    server.on("POST", "/dataset/upload/csv", "you have 5 datasets, 5 are allowed", status=409)
    with pytest.raises(ConflictException, match="5 are allowed"):
        client.get_or_create_dataset("table", "csv", TABLE)
    server.on("GET", "/dataset/all", listed(C, D))
    with pytest.raises(ConflictException, match="use the UUID"):
        client.get_or_create_dataset("table", "csv", TABLE)
