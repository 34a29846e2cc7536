"""The end of an upload: the server reads the files, which may take longer than anybody wants to wait for one answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from hanami_sdk import (
    BadRequestException,
    Client,
    ConflictException,
    ConnectionFailedException,
    InternalServerErrorException,
    dataset,
)

from .fake_server import Answer, D, FakeServer, Request

TABLE = b"a,b\n1,2\n"
SENT = {"uuid": D, "complete": True, "received": {"file-i": len(TABLE)}}
DECODING = SENT | {"state": "decoding", "percentage": 40.0}
REFUSED = SENT | {"state": "refused", "error": "line 2: ragged"}
READY = {"uuid": D, "complete": True, "received": {}}


@pytest.fixture(autouse=True)
def upload_routes(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.on("POST", "/dataset/upload/csv", {"uuid": D, "uuid_input_file": "file-i"})
    server.on("GET", "/dataset", {"uuid": D, "name": "numbers"})
    server.on("DELETE", "/dataset")
    monkeypatch.setattr("hanami_sdk._waiting._FIRST_PAUSE", 0.001)
    monkeypatch.setattr("hanami_sdk._waiting._LONGEST_PAUSE", 0.001)


class Answers:
    """Answers one after the other, the last one again and again; an exception breaks the connection off."""

    def __init__(self, *answers: Any) -> None:
        self.answers, self.asked = list(answers), 0

    def __call__(self, request: Request) -> Answer:
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, Answer) else Answer(body=answer)


class Story:
    """What the server says to finalise and progress; the first progress is asked for before finalise."""

    def __init__(self, server: FakeServer, puts: list[Any], progress: list[Any]) -> None:
        self.put, self.progress = Answers(*puts), Answers(SENT, *progress)
        server.on("PUT", "/dataset/upload/csv", self.put)
        server.on("GET", "/dataset/progress", self.progress)


LOST = ConnectionResetError()


@pytest.fixture
def hasty(server: FakeServer) -> Iterator[Client]:
    with Client(server.address, "asdf", "asdfasdf", timeout=0.5, retry=5.0) as client:
        yield client


def deleted(server: FakeServer) -> bool:
    return any(request.method == "DELETE" for request in server.requests)


def test_a_quick_answer_is_the_last_request(server: FakeServer, client: Client) -> None:
    story = Story(server, [{"uuid": D}], [])
    client.upload_csv("numbers", TABLE)
    assert (story.put.asked, story.progress.asked) == (1, 1)


def test_a_slow_table_is_waited_for(server: FakeServer, client: Client) -> None:
    story = Story(server, [{"uuid": D, "state": "decoding"}], [DECODING, DECODING, LOST, DECODING, READY])
    assert client.upload_csv("numbers", TABLE).uuid == D
    assert (story.put.asked, story.progress.asked, deleted(server)) == (1, 6, False)
    Story(server, [{"uuid": D, "state": "decoding"}], [DECODING, LOST, READY])
    assert dataset.upload_csv_files("tok", server.address, "numbers", TABLE) == D


@pytest.mark.parametrize("then", [[DECODING, READY], [READY], [SENT, READY]])
def test_a_time_out_of_the_client_deletes_nothing(server: FakeServer, hasty: Client, then: list[Any]) -> None:
    story = Story(server, [{"uuid": D}], then)
    answers = iter([server.hold])
    put = story.put
    server.on("PUT", "/dataset/upload/csv", lambda request: next(answers, put)(request))
    assert hasty.upload_csv("numbers", TABLE).uuid == D
    assert not deleted(server)


def test_a_request_that_never_arrived_is_sent_again(server: FakeServer, client: Client) -> None:
    story = Story(server, [LOST, {"uuid": D}], [SENT])
    client.upload_csv("numbers", TABLE)
    assert (story.put.asked, deleted(server)) == (2, False)


def test_a_second_request_may_find_that_the_first_was_done(server: FakeServer, client: Client) -> None:
    story = Story(server, [LOST, Answer(404, "Input-data with uuid 'file-i' not found.")], [SENT, READY])
    assert client.upload_csv("numbers", TABLE).uuid == D
    assert (story.put.asked, deleted(server)) == (2, False)


@pytest.mark.parametrize(
    ("puts", "progress"),
    [
        ([Answer(400, "line 2: ragged")], []),
        ([{"uuid": D, "state": "decoding"}], [DECODING, REFUSED]),
        ([LOST], [REFUSED]),
    ],
)
def test_refused_files_are_deleted_whenever_that_turns_out(
    server: FakeServer, client: Client, puts: list[Any], progress: list[Any]
) -> None:
    Story(server, puts, progress)
    with pytest.raises(BadRequestException, match="line 2: ragged"):
        client.upload_csv("numbers", TABLE)
    assert deleted(server)


@pytest.mark.parametrize(
    ("puts", "progress", "kind"),
    [
        ([LOST], [LOST], ConnectionFailedException),
        ([LOST], [{"uuid": D, "complete": True}], ConnectionFailedException),
        ([{"uuid": D, "state": "decoding"}], [DECODING, LOST], ConnectionFailedException),
        ([{"uuid": D, "state": "decoding"}], [SENT | {"error": "disk full"}], InternalServerErrorException),
        ([Answer(500, "internal error 7")], [], InternalServerErrorException),
        ([Answer(409, "is finalised by another request")], [], ConflictException),
    ],
)
def test_what_is_not_the_fault_of_the_files_deletes_nothing(
    server: FakeServer, puts: list[Any], progress: list[Any], kind: type[Exception]
) -> None:
    Story(server, puts, progress)
    with Client(server.address, "asdf", "asdfasdf", timeout=5, retry=0.3) as client:
        with pytest.raises(kind):
            client.upload_csv("numbers", TABLE)
    assert not deleted(server)


def test_giving_up_to_wait_for_the_bytes_deletes_nothing(server: FakeServer, hasty: Client) -> None:
    server.on("GET", "/dataset/progress", {"uuid": D, "complete": False, "received": {"file-i": 3}})
    with pytest.raises(Exception, match="did not end within"):
        hasty.upload_csv("numbers", TABLE)
    assert not deleted(server)
