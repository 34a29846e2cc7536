"""A distribution of somebody else brings an API of its own words, and another one adds to it."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import importlib
import itertools
import json
import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest

from hanami_sdk import hanami_token
from tests.local import LocalServer
from tests.server.harness import install
from tests.service.processes import family, own_memory
from tests.service.third_party import foreign_imports, installed, run_own_tests

NAME = "hanami-notes"
MIB = 1 << 20
PIECES = 100
NOTHING = f"sha-256=:{base64.b64encode(hashlib.sha256().digest()).decode()}:"
GUEST = '''
"""Adds to the notes of another plugin."""

from hanami_core import hookimpl


@hookimpl
def notes_panels(note):
    """Count the words."""
    return f"{len(note.text.split())} words"
'''


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with installed(NAME, tmp_path_factory.mktemp("third")) as target:
        yield target


@pytest.fixture(scope="module")
def signature(site: Path) -> Iterator[ModuleType]:
    """How a client of the example signs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(site)
        yield importlib.import_module("hanami_notes.signature")
    for name in [name for name in sys.modules if name.partition(".")[0] == "hanami_notes"]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def server(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """A server with the notes, and with a plugin that adds to them; several processes answer."""
    folder = install(tmp_path_factory.mktemp("guest"), {"hanami.plugins": {"words": "notes_words"}}, "notes-words")
    (folder / "notes_words.py").write_text(GUEST)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([os.environ["PYTHONPATH"], str(folder)]))
        given = {"http.workers": 2}
        with LocalServer(tmp_path_factory.mktemp("notes") / "data", settings=given) as running:
            yield running


class Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Notes:
    """A client that signs."""

    def __init__(self, server: LocalServer, signed: Callable[..., dict[str, str]]) -> None:
        self.host = server.address.removeprefix("http://")
        self._signed = signed
        who = json.dumps({"id": server.user, "passphrase": server.passphrase}).encode()
        made = self.plain("POST", "/notes/key", who)
        assert made.status == 201
        self.key, self.secret = made.json["key"], made.json["secret"]

    @contextlib.contextmanager
    def open(self, method: str, target: str, body: Any, headers: dict[str, str]) -> Iterator[http.client.HTTPResponse]:
        with contextlib.closing(http.client.HTTPConnection(self.host, timeout=60)) as connection:
            connection.request(method, target, body, headers)
            yield connection.getresponse()

    def plain(self, method: str, target: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
        with self.open(method, target, body, headers or {}) as found:
            return Answer(found.status, found.headers, found.read())

    def headers(self, method: str, target: str, digest: str = NOTHING) -> dict[str, str]:
        return self._signed(self.key, self.secret, method, target, self.host, digest)

    def call(self, method: str, target: str, **fields: Any) -> Answer:
        body = json.dumps(fields).encode() if fields else b""
        digest = f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"
        return self.plain(method, target, body or None, self.headers(method, target, digest))

    @contextlib.contextmanager
    def events(self, since: int) -> Iterator[Iterator[dict[str, str]]]:
        headers = self.headers("GET", "/notes/events") | {"Last-Event-ID": str(since)}
        with self.open("GET", "/notes/events", None, headers) as found:
            assert (found.status, found.headers["Content-Type"]) == (200, "text/event-stream")
            yield _events(found)


def _events(stream: http.client.HTTPResponse) -> Iterator[dict[str, str]]:
    """Read a stream of events; an event without fields is a sign of life."""
    fields: dict[str, str] = {}
    for line in stream:
        name, _, value = line.decode().rstrip("\n").partition(": ")
        if name:
            fields[name] = value
        elif line == b"\n":
            yield fields
            fields = {}


@pytest.fixture
def notes(server: LocalServer, signature: ModuleType) -> Notes:
    return Notes(server, signature.signed_headers)


@pytest.fixture
def note(notes: Notes) -> str:
    made = notes.call("POST", "/notes", name="a note", text="three little words")
    assert made.status == 201
    return str(made.headers["Location"])


@pytest.mark.long
@pytest.mark.timeout(300)
def test_its_own_tests_with_the_conformance_suites_pass(site: Path) -> None:
    run_own_tests(NAME)


def test_it_imports_what_is_public() -> None:
    assert foreign_imports(NAME, "falcon", "jwt", "msgspec", "peewee") == set()


def test_a_second_plugin_adds_to_the_notes_of_the_first(notes: Notes, note: str) -> None:
    assert notes.call("GET", note).json["panels"] == ["3 words"]
    assert notes.call("PATCH", note, text="").json["panels"] == ["0 words"]


def test_the_target_is_signed_as_it_is_written(notes: Notes) -> None:
    for target in ("/notes?limit=%35", "/%6eotes?limit=5"):
        assert notes.call("GET", target).status == 200, target
    headers = notes.headers("GET", "/notes?limit=5")
    assert notes.plain("GET", "/notes?limit=%35", headers=headers).status == 401


def test_an_old_request_is_refused_as_a_problem(notes: Notes, signature: ModuleType) -> None:
    date = formatdate(time.time() - 301, usegmt=True)
    signed = signature.sign(notes.secret, "GET", "/notes", notes.host, date, NOTHING)
    headers = {"Authorization": f"Notes {notes.key}:{signed}", "Date": date, "Content-Digest": NOTHING}
    refused = notes.plain("GET", "/notes", headers=headers)
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert refused.headers["WWW-Authenticate"] == "notes-signature, notes-session"
    assert refused.json == {
        "type": "urn:hanami:signature_expired",
        "title": "Unauthorized",
        "status": 401,
        "detail": "The request was signed too long ago, or the clock is wrong",
    }


def test_a_cookie_opens_notes_and_nothing_else(notes: Notes, server: LocalServer) -> None:
    who = json.dumps({"id": server.user, "passphrase": server.passphrase}).encode()
    cookie = str(notes.plain("POST", "/notes/session", who).headers["Set-Cookie"]).partition(";")[0]
    assert notes.plain("GET", "/notes", headers={"Cookie": cookie}).status == 200
    native = "/v1.0alpha/dataset/all"
    for headers in ({"Cookie": cookie}, {"X-Auth-Token": cookie.partition("=")[2]}):
        assert notes.plain("GET", native, headers=headers).status == 401
    token = hanami_token.request_token(server.address, server.user, server.passphrase)
    assert notes.plain("GET", native, headers={"X-Auth-Token": token}).status == 200
    assert notes.plain("GET", "/notes", headers={"X-Auth-Token": token}).status == 401


def test_changes_are_told_as_they_happen_whichever_process_makes_them(notes: Notes, note: str) -> None:
    first = notes.call("GET", note).json
    with notes.events(since=first["revision"]) as events:
        assert next(events) == {}, "a sign of life, so the stream is open"
        for text in ("one", "two", "three"):
            changed = notes.call("PATCH", note, text=text).json
            told = next(events)
            assert (told["event"], told["id"], json.loads(told["data"])) == (
                "changed",
                str(changed["revision"]),
                changed,
            )
        assert notes.call("DELETE", note).status == 204
        told = next(events)
    assert (told["event"], json.loads(told["data"])["uuid"]) == ("deleted", first["uuid"])
    with notes.events(since=first["revision"]) as events:
        assert next(events) == told, "what has happened meanwhile, once"


def test_who_follows_from_the_start_learns_what_there_is(notes: Notes, note: str) -> None:
    gone = str(notes.call("POST", "/notes", name="gone").headers["Location"])
    assert notes.call("DELETE", gone).status == 204
    with notes.events(since=0) as events:
        known = [f"/notes/{json.loads(told['data'])['uuid']}" for told in itertools.takewhile(bool, events)]
    assert known[-1] == note
    assert gone not in known


def pieces() -> Iterator[bytes]:
    made = random.Random(5).randbytes(MIB)
    for number in range(PIECES):
        yield number.to_bytes(4, "big") + made[4:]


class Memory:
    """The most that any process of a server has had of its own since this was made."""

    def __init__(self, server: LocalServer) -> None:
        self._before = {pid: own_memory(pid) for pid in family(server.pid)}
        self.growth = 0

    def look(self) -> None:
        self.growth = max(self.growth, *(own_memory(pid) - before for pid, before in self._before.items()))


def test_a_large_file_is_never_in_memory(notes: Notes, note: str, server: LocalServer) -> None:
    digest = hashlib.sha256()
    for piece in pieces():
        digest.update(piece)
    target, memory = f"{note}/file", Memory(server)

    def watched() -> Iterator[bytes]:
        for piece in pieces():
            yield piece
            memory.look()

    signed = notes.headers("PUT", target, f"sha-256=:{base64.b64encode(digest.digest()).decode()}:")
    stored = notes.plain("PUT", target, watched(), signed | {"Content-Length": str(PIECES * MIB)})
    memory.look()
    assert (stored.status, stored.json["has_file"]) == (200, True)
    received = hashlib.sha256()
    with notes.open("GET", target, None, notes.headers("GET", target)) as sent:
        assert (sent.status, int(sent.headers["Content-Length"])) == (200, PIECES * MIB)
        while piece := sent.read(MIB):
            received.update(piece)
            memory.look()
    assert received.digest() == digest.digest()
    assert 0 <= memory.growth < 16 * MIB
    assert sum(path.stat().st_size for path in (server.data_dir / "blobs").rglob("*") if path.is_file()) == PIECES * MIB


def test_a_large_file_of_somebody_else_is_not_stored(notes: Notes, note: str, server: LocalServer) -> None:
    target = f"{note}/file"
    signed = notes.headers("PUT", target, f"sha-256=:{base64.b64encode(bytes(32)).decode()}:")
    refused = notes.plain("PUT", target, pieces(), signed | {"Content-Length": str(PIECES * MIB)})
    assert (refused.status, refused.json["detail"]) == (400, "The body is not the one that was signed")
    assert notes.call("GET", note).json["has_file"] is False
    assert [path for path in (server.data_dir / "staging").glob("*") if path.stat().st_size] == []
