"""Who may come in and who may not, what notes do, and what the API looks like, in one process."""

from __future__ import annotations

import json
from email.utils import formatdate
from types import SimpleNamespace
from typing import Any

import pytest
from hanami_notes.models import Note
from hanami_notes.schemes import COOKIE
from hanami_notes.signature import content_digest, sign, signed_headers

from hanami_core import hookimpl
from hanami_core.storage.database import proxy
from hanami_core.testing.apps import plugin_point

HOST = "falconframework.org"
NOWHERE = "/notes/00000000-0000-4000-8000-000000000000"


class Client:
    """Sends signed requests."""

    def __init__(self, app: Any, user: str = "asdf") -> None:
        self.http, self.runtime = app.http, app.runtime
        made = self.http.simulate_post("/notes/key", json={"id": user, "passphrase": "asdfasdf"})
        assert made.status_code == 201
        self.key, self.secret = made.json["key"], made.json["secret"]

    def __call__(self, method: str, target: str, content: object = None, **changed: str) -> Any:
        body = content if isinstance(content, bytes) else b"" if content is None else json.dumps(content).encode()
        headers = signed_headers(self.key, self.secret, method, target, HOST, content_digest(body))
        headers |= {name.replace("_", "-"): value for name, value in changed.items()}
        path, _, query = target.partition("?")
        return self.http.simulate_request(method, path, query_string=query, body=body, headers=headers)


@pytest.fixture
def client(app: Any) -> Client:
    return Client(app)


@pytest.fixture
def note(client: Client) -> str:
    made = client("POST", "/notes", {"name": "first", "text": "some words"})
    assert made.status_code == 201
    return str(made.headers["location"])


def problem(answer: Any) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["status"] == answer.status_code
    return answer.status_code, answer.json["detail"]


# -- signatures --------------------------------------------------------------------------------------------------------


def test_what_is_signed_is_accepted(client: Client, note: str) -> None:
    assert client("GET", note).json["text"] == "some words"
    assert client("GET", "/notes?limit=1").status_code == 200


@pytest.mark.parametrize(
    "changed",
    [
        {"Host": "elsewhere.org"},
        {"Date": formatdate(5, usegmt=True)},
        {"Content-Digest": content_digest(b"{}")},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_what_was_changed_on_its_way_is_refused(client: Client, note: str, changed: dict[str, str]) -> None:
    assert problem(client("GET", note, **changed)) == (401, "The signature is not that of this request")


def test_a_signature_is_good_for_its_method_and_target_only(client: Client, note: str) -> None:
    headers = signed_headers(client.key, client.secret, "GET", note, HOST, content_digest(b""))
    for method, target, query in (("DELETE", note, ""), ("GET", "/notes", ""), ("GET", note, "x=1")):
        answer = client.http.simulate_request(method, target, query_string=query, headers=headers)
        assert problem(answer)[0] == 401
    assert client.http.simulate_get(note, headers=headers).status_code == 200


def test_another_body_than_the_signed_one_changes_nothing(client: Client, note: str) -> None:
    headers = signed_headers(client.key, client.secret, "PATCH", note, HOST, content_digest(b'{"text": "mine"}'))
    answer = client.http.simulate_patch(note, body=b'{"text": "evil"}', headers=headers)
    assert problem(answer) == (400, "The body is not the one that was signed")
    assert client("GET", note).json["text"] == "some words"


@pytest.mark.parametrize("seconds", [-301, 301])
def test_a_request_is_good_for_a_moment(client: Client, note: str, seconds: int) -> None:
    date, digest = formatdate(client.runtime.clock.now() + seconds, usegmt=True), content_digest(b"")
    signature = sign(client.secret, "GET", note, HOST, date, digest)
    answer = client("GET", note, Authorization=f"Notes {client.key}:{signature}", Date=date)
    assert problem(answer) == (401, "The request was signed too long ago, or the clock is wrong")


def test_a_request_that_was_good_is_refused_when_it_comes_again_later(
    client: Client, note: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = signed_headers(client.key, client.secret, "GET", note, HOST, content_digest(b""))
    assert client.http.simulate_get(note, headers=headers).status_code == 200
    now = client.runtime.clock.now()
    monkeypatch.setattr(client.runtime.clock, "now", lambda: now + 400)
    assert problem(client.http.simulate_get(note, headers=headers))[0] == 401


@pytest.mark.parametrize(("name", "value"), [("Date", "yesterday"), ("Content-Digest", "md5=:AA:")])
def test_headers_that_make_no_sense_are_refused(client: Client, note: str, name: str, value: str) -> None:
    date = value if name == "Date" else formatdate(client.runtime.clock.now(), usegmt=True)
    digest = value if name == "Content-Digest" else content_digest(b"")
    signature = sign(client.secret, "GET", note, HOST, date, digest)
    given = {"Authorization": f"Notes {client.key}:{signature}", "Date": date, "Content-Digest": digest}
    assert problem(client("GET", note, **given))[0] == 401


@pytest.mark.parametrize("credential", ["", "Notes", "Notes :", "Notes a:b", "Notes \xff:\xff", "Bearer x"])
def test_what_is_no_signature_opens_nothing(client: Client, credential: str) -> None:
    assert problem(client("GET", "/notes", Authorization=credential))[0] == 401


def test_a_key_of_ones_own_making_opens_nothing(client: Client) -> None:
    client.key = f"{client.key}x"
    assert problem(client("GET", "/notes"))[0] == 401


def test_a_key_ends_with_the_passphrase(app: Any, client: Client) -> None:
    changed = app.call("PUT", "user/passphrase", passphrase="YXNkZmFzZGYy", current_passphrase="YXNkZmFzZGY=")
    assert changed.status_code == 200
    assert problem(client("GET", "/notes"))[0] == 401


# -- sessions ----------------------------------------------------------------------------------------------------------


def log_in(app: Any, passphrase: str = "asdfasdf") -> Any:
    return app.http.simulate_post("/notes/session", json={"id": "asdf", "passphrase": passphrase})


def test_a_login_sets_a_cookie_that_no_script_reads(app: Any) -> None:
    answer = log_in(app)
    assert answer.status_code == 204
    cookie = answer.cookies[COOKIE]
    assert (cookie.http_only, cookie.secure, cookie.same_site, cookie.path) == (True, True, "Strict", "/notes")
    assert app.http.simulate_get("/notes", headers={"Cookie": f"{COOKIE}={cookie.value}"}).status_code == 200


def test_logging_out_removes_the_cookie(app: Any) -> None:
    answer = app.http.simulate_delete("/notes/session")
    assert (answer.status_code, answer.cookies[COOKIE].value) == (204, "")


def test_the_wrong_passphrase_sets_none(app: Any) -> None:
    answer = log_in(app, "qwertyuiop")
    assert problem(answer) == (401, "User or passphrase is wrong")
    assert not answer.cookies


def test_a_session_ends_after_a_day(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    now = app.runtime.clock.now()
    monkeypatch.setattr(app.runtime.clock, "now", lambda: now - 2 * 86_400)
    cookie = log_in(app).cookies[COOKIE].value
    monkeypatch.undo()
    answer = app.http.simulate_get("/notes", headers={"Cookie": f"{COOKIE}={cookie}"})
    assert problem(answer)[0] == 401


def test_credentials_open_what_they_are_for(app: Any, client: Client) -> None:
    cookie = log_in(app).cookies[COOKIE].value
    for headers in ({"X-Auth-Token": app.token}, {"Cookie": f"{COOKIE}={app.token}"}, {"Cookie": f"{COOKIE}=x"}):
        assert problem(app.http.simulate_get("/notes", headers=headers))[0] == 401
    assert problem(client("GET", "/notes", Authorization=f"Notes {cookie}:x"))[0] == 401
    for token in (cookie, client.key):
        assert app.call("GET", "dataset/all", as_token=token).status_code == 401


# -- notes -------------------------------------------------------------------------------------------------------------


def test_a_note_lives_and_dies(client: Client, note: str) -> None:
    made = client("GET", note).json
    assert (made["name"], made["text"], made["revision"], made["has_file"]) == ("first", "some words", 1, False)
    changed = client("PATCH", note, {"text": "other words"}).json
    assert changed == made | {"text": "other words", "revision": 2}
    listed = client("GET", "/notes").json
    assert (listed["header"], listed["body"]) == (["uuid", "name", "revision"], [[made["uuid"], "first", 2]])
    assert (client("DELETE", note).status_code, client("GET", "/notes").json["body"]) == (204, [])
    assert problem(client("GET", note)) == (404, f"There is no note {made['uuid']}")


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("POST", "/notes", {"text": "without a name"}, 400),
        ("POST", "/notes", {"name": "n", "colour": "red"}, 400),
        ("POST", "/notes", {"name": ""}, 400),
        ("POST", "/notes", b"not json", 400),
        ("PATCH", NOWHERE, {"text": "x"}, 404),
        ("DELETE", NOWHERE, None, 404),
        ("PUT", f"{NOWHERE}/file", b"x", 404),
        ("GET", f"{NOWHERE}/file", None, 404),
        ("GET", "/notes/no-uuid", None, 404),
        ("GET", "/notes/events?revision=-1", None, 400),
        ("PUT", "/notes", None, 405),
    ],
)
def test_problems(client: Client, method: str, path: str, content: object, status: int) -> None:
    assert problem(client(method, path, content))[0] == status


def test_notes_of_others_are_not_there(app: Any, client: Client, note: str) -> None:
    app.member("tsugumi")
    other = Client(app, "tsugumi")
    assert other("GET", "/notes").json["body"] == []
    for method, path, content in (
        ("GET", note, None),
        ("PATCH", note, {"text": "mine"}),
        ("DELETE", note, None),
        ("PUT", f"{note}/file", b"mine"),
        ("GET", f"{note}/file", None),
    ):
        assert problem(other(method, path, content))[0] == 404
    assert (client("GET", note).json["revision"], app.runtime.blobs.names()) == (1, {})


def test_a_file_is_attached_replaced_and_gone_with_its_note(app: Any, client: Client, note: str) -> None:
    assert problem(client("GET", f"{note}/file"))[0] == 404
    for content in (b"one", b"another"):
        assert client("PUT", f"{note}/file", content).json["has_file"]
        sent = client("GET", f"{note}/file")
        assert (sent.content, sent.headers["content-type"]) == (content, "application/octet-stream")
        assert len(app.runtime.blobs.names()) == 1
    client("DELETE", note)
    assert app.runtime.blobs.names() == {}


def test_another_file_than_the_signed_one_is_not_attached(app: Any, client: Client, note: str) -> None:
    headers = signed_headers(client.key, client.secret, "PUT", f"{note}/file", HOST, content_digest(b"mine"))
    assert problem(client.http.simulate_put(f"{note}/file", body=b"evil", headers=headers))[0] == 400
    assert (client("GET", note).json["has_file"], app.runtime.blobs.names()) == (False, {})


# -- the rest ----------------------------------------------------------------------------------------------------------


@hookimpl
def notes_panels(note: Note) -> object:
    """Count words, if asked for some; what is not a text is the fault of whoever returns it."""
    return {"some words": "2 words", "odd": 5}.get(note.text)


def test_others_show_something_beside_a_note(make_app: Any) -> None:
    app = make_app(plugin_point("counter", SimpleNamespace(notes_panels=notes_panels)))
    client = Client(app)
    shown = [client("POST", "/notes", {"name": "n", "text": text}).json["panels"] for text in ("some words", "odd", "")]
    assert shown == [["2 words"], [], []]


def test_it_is_described(app: Any) -> None:
    document = app.http.simulate_get("/openapi.json", query_string="api=notes").json
    assert set(document["components"]["securitySchemes"]) == {"notes-signature", "notes-session"}
    changed = document["paths"]["/notes/{uuid}"]["patch"]
    assert [parameter["name"] for parameter in changed["parameters"]] == ["uuid"]
    assert set(document["paths"]["/notes"]["post"]["responses"]) >= {"201", "400", "404"}


def test_the_migration_makes_what_the_model_says(app: Any) -> None:
    def shape() -> Any:
        columns = {(c.name, c.data_type, c.null, c.primary_key) for c in proxy.get_columns("note")}
        return columns, {(tuple(index.columns), index.unique) for index in proxy.get_indexes("note")}

    migrated = shape()
    proxy.drop_tables([Note])
    proxy.create_tables([Note])
    assert shape() == migrated
