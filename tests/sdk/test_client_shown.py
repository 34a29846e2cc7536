"""How a client, its objects and the history of a task show themselves, and where a client finds its login."""

from __future__ import annotations

import base64
import copy
import dataclasses
import pickle
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from hanami_sdk import (
    Checkpoint,
    Client,
    Cluster,
    Column,
    Dataset,
    HanamiException,
    Host,
    Membership,
    Project,
    Task,
    User,
)

from .fake_server import C, D, FakeServer


@pytest.mark.parametrize("answer", ["{}", "[]", '{"header":[]}'])
def test_answer_that_is_no_list(server: FakeServer, client: Client, answer: str) -> None:
    server.on("GET", "/cluster/all", answer)
    with pytest.raises(HanamiException, match=r"lacks (header|body)"):
        client.clusters()


def test_answer_that_lacks_fields(server: FakeServer, client: Client) -> None:
    server.on("GET", "/cluster", {"name": "net"})
    with pytest.raises(HanamiException, match="lacks uuid"):
        client.cluster(C)
    server.on("GET", "/cluster", "<html>")
    with pytest.raises(HanamiException, match="is not JSON"):
        client.cluster(C)


@pytest.mark.parametrize("model", [Dataset, Cluster, Checkpoint, Task, Host, Project, Membership, User, Column])
def test_models_are_frozen(model: Any) -> None:
    thing = model(**{f.name: "x" for f in dataclasses.fields(model)})
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(thing, dataclasses.fields(model)[0].name, "y")


def test_models_show_themselves_in_notebooks() -> None:
    task = Task("t", C, "active", name="<script>", current_cycle=3, total_number_of_cycles=12, fraction=0.25)
    shown = task._repr_html_()
    assert "<caption>Task</caption>" in shown
    assert "&lt;script&gt;" in shown
    assert "<script>" not in shown
    assert '<progress max="1" value="0.2500"></progress> 25%' in shown
    assert "error" not in shown, "what is not known is not shown"
    assert "784 values from 0 on" in Dataset(D, "digits", columns={"<b>": range(784)})._repr_html_()
    assert "<b>" not in Dataset(D, "digits", columns={"<b>": range(784)})._repr_html_()
    assert "room, member, False" in User("ada_", "Ada", projects=(Membership("room", "member", False),))._repr_html_()


def test_lists_show_themselves_in_notebooks(server: FakeServer, client: Client) -> None:
    header = ["uuid", "state", "percentage", "queued", "start", "end"]
    body = [["t<1>", "active", "0.5", "now", "now", "-"], ["t2", "queued", "0", "now", "-", "-"]]
    server.on("GET", "/task/all", {"header": header, "body": body})
    tasks = client.tasks(C)
    assert tasks == list(tasks)
    shown = tasks._repr_html_()  # type: ignore[attr-defined]
    assert "<caption>2 × Task</caption>" in shown
    assert shown.count("<tr>") == 3
    assert "t&lt;1&gt;" in shown
    assert '<progress max="1" value="0.5000"></progress> 50%' in shown
    assert "end timestamp" not in shown, "what is known of none is not shown"
    assert shown.count("<th ") * 3 == shown.count("<th ") + shown.count("<td ")
    server.on("GET", "/task/all", {"header": header, "body": []})
    assert "0 × nothing" in client.tasks(C)._repr_html_()  # type: ignore[attr-defined]


def test_a_client_shows_no_secrets(server: FakeServer, client: Client) -> None:
    server.on("PUT", "/token", {"token": "token-2"})
    client.switch_project("room")
    assert repr(client) == f"<Client '{server.address}', user 'asdf', project 'room'>"
    for text in (repr(client), str(client)):
        assert "asdfasdf" not in text
        assert "token" not in text


def test_a_client_is_shared_by_copies_and_not_stored(client: Client) -> None:
    assert copy.deepcopy([client]) == [client]
    with pytest.raises(TypeError, match="holds a login"):
        pickle.dumps(client)


def test_a_login_of_the_environment(monkeypatch: pytest.MonkeyPatch, server: FakeServer, tmp_path: Path) -> None:
    login = {"HANAMI_ADDRESS": server.address, "HANAMI_USER": "asdf", "HANAMI_PASSPHRASE": "asdf asdf"}
    for missing in login:
        for name, value in login.items():
            monkeypatch.setenv(name, "" if name == missing else value)
        with pytest.raises(ValueError, match=f"{missing} is not set"):
            Client.from_environment()
    monkeypatch.setenv(missing, login[missing])
    with Client.from_environment(user="ada_", timeout=5) as found:
        found.login()
    assert found.timeout == 5
    assert found.address == server.address
    assert server.logins[0].body["id"] == "ada_"
    monkeypatch.delenv("HANAMI_PASSPHRASE")
    monkeypatch.setenv("HANAMI_PW", "older name")
    with Client.from_environment() as found:
        found.login()
    monkeypatch.delenv("HANAMI_PW")
    monkeypatch.setenv("HANAMI_PASSPHRASE_FILE", str(tmp_path / "secret"))
    (tmp_path / "secret").write_text("in a file\nof two lines\n")
    with Client.from_environment() as found:
        found.login()
    secrets = [base64.b64decode(login.body["passphrase"]) for login in server.logins[1:]]
    assert secrets == [b"older name", b"in a file"]


def test_a_project_from_the_first_call_on(monkeypatch: pytest.MonkeyPatch, server: FakeServer) -> None:
    server.on("PUT", "/token", {"token": "of the room"})
    server.on("GET", "/host/all", {"header": [], "body": []})
    login = {"HANAMI_ADDRESS": server.address, "HANAMI_USER": "asdf", "HANAMI_PASSPHRASE": "asdf asdf"}
    for name, value in login.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HANAMI_PROJECT", "room")
    for given in ({}, {"project": "cellar"}):
        with Client.from_environment(**given) as client:
            client.hosts()
    switches = [login for login in server.logins if login.method == "PUT"]
    assert [(switch.token, switch.body["project_id"]) for switch in switches] == [
        ("token-1", "room"),
        ("token-3", "cellar"),
    ]
    assert [request.token for request in server.requests] == ["of the room"] * 2


HISTORY = {
    "uuid": "t",
    "entries": [
        {"cycle": 200, "epoch": 1, "seconds": 0.5, "values": {"running_loss": 0.75, "<b>": 1}},
        {"cycle": 400, "epoch": 2, "seconds": 1.0, "values": {"running_loss": 0.5, "accuracy": 0.25}},
    ],
}


def test_a_history_is_columns(server: FakeServer, client: Client) -> None:
    server.on("GET", "/task/metrics", HISTORY)
    history = client.history("t")
    assert history.task == "t"
    assert history == {
        "cycle": [200, 400],
        "epoch": [1, 2],
        "seconds": [0.5, 1.0],
        "running_loss": [0.75, 0.5],
        "<b>": [1, None],
        "accuracy": [None, 0.25],
    }
    assert history.line("accuracy") == [(400, 0.25)]
    assert list(history.groups()) == ["loss", "score", "network"]
    assert server.requests[-1].query == {"uuid": "t"}


def test_a_history_draws_itself(server: FakeServer, client: Client) -> None:
    server.on("GET", "/task/metrics", HISTORY)
    drawn = client.history("t")._repr_html_()
    for part in drawn.replace("</svg>", "</svg>\n").splitlines():
        assert ElementTree.fromstring(part).tag.endswith("svg")
    assert drawn.count("<svg") == 3
    assert "&lt;b&gt;" in drawn
    server.on("GET", "/task/metrics", {"uuid": "t", "entries": []})
    assert "nothing was measured" in client.history("t")._repr_html_()
