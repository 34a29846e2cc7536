"""The login of the client, its connections and time-outs."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hanami_sdk import (
    BadRequestException,
    Client,
    ConnectionFailedException,
    HanamiException,
    UnauthorizedException,
    _retry,
    _session,
)

from .fake_server import API, Answer, C, FakeServer, Request


def jwt(**claims: Any) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"head.{payload}.signature"


def accept(*tokens: str) -> Any:
    """Answer only requests that carry one of the tokens."""
    return lambda request: (
        Answer(body={"header": [], "body": []}) if request.token in tokens else Answer(401, "expired")
    )


HOSTS = f"{API}/host/all"


def test_login_is_lazy_and_happens_once(server: FakeServer, client: Client) -> None:
    server.on("GET", "/host/all", {"header": [], "body": []})
    assert server.logins == []
    client.hosts()
    client.hosts()
    (login,) = server.logins
    assert login.body == {"id": "asdf", "passphrase": base64.b64encode(b"asdfasdf").decode()}
    assert [request.token for request in server.requests] == ["token-1", "token-1"]
    assert server.connections == 1, "connections are used again"


def test_login_on_demand(server: FakeServer, client: Client) -> None:
    client.login()
    assert len(server.logins) == 1


def test_wrong_passphrase(server: FakeServer, client: Client) -> None:
    server.on("POST", "/token", "ACCESS DENIED!", status=401)
    with pytest.raises(UnauthorizedException, match="ACCESS DENIED"):
        client.hosts()
    assert len(server.logins) == 1
    assert server.requests == []


@pytest.mark.parametrize("answer", ["{}", "[]", "5"])
def test_login_without_token(server: FakeServer, client: Client, answer: str) -> None:
    server.on("POST", "/token", answer)
    with pytest.raises(HanamiException, match="lacks token"):
        client.hosts()


def test_refused_token_is_renewed_once(server: FakeServer, client: Client) -> None:
    server.answers["GET", HOSTS] = accept("token-2")
    client.hosts()
    assert [request.token for request in server.requests] == ["token-1", "token-2"]
    server.answers["GET", HOSTS] = accept()
    with pytest.raises(UnauthorizedException, match="expired"):
        client.hosts()
    assert [request.token for request in server.requests[2:]] == ["token-2", "token-3"]


def test_body_is_sent_again_after_renewal(server: FakeServer, client: Client) -> None:
    def answer(request: Request) -> Answer:
        return Answer(body={"uuid": C, "name": "net"}) if request.token == "token-2" else Answer(401)

    server.answers["POST", f"{API}/cluster"] = answer
    client.create_cluster("net", "version: 1")
    assert server.requests[0].body == server.requests[1].body


def test_refused_token_of_a_websocket_is_renewed(server: FakeServer, client: Client) -> None:
    server.on("PUT", "/cluster/set_mode")
    refused, accepted = '{"success":false,"error":"Token invalid"}', server.opening_answer
    server.opening_answer = refused

    def login(request: Request) -> Answer:
        if len(server.logins) == 2:
            server.opening_answer = accepted
        return Answer(body={"token": f"token-{len(server.logins)}"})

    server.answers["POST", f"{API}/token"] = login
    with client.direct(C):
        pass
    assert [opening["token"] for opening in server.openings] == ["token-1", "token-2"]


def test_token_is_renewed_before_it_expires(
    server: FakeServer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("hanami_sdk._session.time.monotonic", lambda: now)
    server.on("POST", "/token", {"token": jwt(exp=5_003_600, iat=5_000_000)})
    server.on("GET", "/host/all", {"header": [], "body": []})
    client.hosts()
    now += 3569
    client.hosts()
    assert len(server.logins) == 1
    now += 1
    client.hosts()
    assert len(server.logins) == 2


@pytest.mark.parametrize(
    ("token", "age"),
    [
        (jwt(exp=1100, iat=1000), 90.0),
        (jwt(exp=4600, iat=1000), 3570.0),
        (jwt(exp=1000, iat=1000), float("inf")),
        (jwt(exp=900, iat=1000), float("inf")),
        (jwt(iat=1000), float("inf")),
        (jwt(exp="soon"), float("inf")),
        (jwt(exp=None), float("inf")),
        ("opaque", float("inf")),
        ("a.###.c", float("inf")),
        ("a.W10.c", float("inf")),
        ("a._w.c", float("inf")),
        ("", float("inf")),
    ],
)
def test_age_of_renewal(token: str, age: float) -> None:
    assert _session.renewal_age(token) == age


def test_age_of_renewal_by_the_clock() -> None:
    assert _session.renewal_age(jwt(exp=time.time() + 3600)) == pytest.approx(3570, abs=5)


def test_project_survives_renewal(server: FakeServer, client: Client) -> None:
    server.answers["PUT", f"{API}/token"] = lambda request: Answer(body={"token": f"{request.body['project_id']}!"})
    server.answers["GET", HOSTS] = accept("proj!")
    client.switch_project("proj")
    client.hosts()
    assert server.logins[-1].token == "token-1"
    server.logins.clear()
    client.login()
    assert [(login.method, login.body.get("project_id")) for login in server.logins] == [
        ("POST", None),
        ("PUT", "proj"),
    ]
    client.hosts()
    assert server.requests[-1].token == "proj!"


def test_refused_project_changes_nothing(server: FakeServer, client: Client) -> None:
    server.on("PUT", "/token", "not assigned", status=401)
    with pytest.raises(UnauthorizedException, match="not assigned"):
        client.switch_project("other")
    server.logins.clear()
    client.login()
    assert [login.method for login in server.logins] == ["POST"]


def test_many_threads_log_in_once(server: FakeServer, client: Client) -> None:
    server.answers["GET", HOSTS] = accept("token-2")
    client.login()
    threads = [threading.Thread(target=client.hosts) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.logins) == 2


def test_get_is_repeated_on_a_broken_connection(server: FakeServer, client: Client) -> None:
    client.login()
    fail = ConnectionResetError()

    def answer(request: Request) -> Answer:
        if len(server.requests) == 1:
            raise fail
        return Answer(body={"header": [], "body": []})

    server.answers["GET", HOSTS] = answer
    assert client.hosts() == []
    assert len(server.requests) == 2


def test_a_proxy_of_the_environment_is_used(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.on("GET", "/host/all", {"header": [], "body": []})
    monkeypatch.setenv("http_proxy", server.address)
    with Client("http://hanami.invalid", "asdf", "asdfasdf", timeout=10) as client:
        assert client.hosts() == []
    assert [request.headers["host"] for request in server.requests] == ["hanami.invalid"]


def test_a_server_that_needs_no_proxy_is_reached_without_it(
    server: FakeServer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.on("GET", "/host/all", {"header": [], "body": []})
    monkeypatch.setenv("http_proxy", "http://proxy.invalid:1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert client.hosts() == []


def test_passwords_of_other_programs_are_not_sent(
    server: FakeServer, client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    server.on("GET", "/host/all", {"header": [], "body": []})
    client.hosts()
    assert [request.headers.get("authorization") for request in (*server.logins, *server.requests)] == [None, None]


@pytest.mark.parametrize("status", [502, 503, 504])
def test_get_is_repeated_while_a_proxy_finds_no_server(server: FakeServer, client: Client, status: int) -> None:
    body = {"header": [], "body": []}
    server.answers["GET", HOSTS] = lambda request: Answer(200 if len(server.requests) > 3 else status, body)
    assert client.hosts() == []
    assert len(server.requests) == 4


def test_a_login_is_repeated_while_too_many_others_log_in(server: FakeServer, client: Client) -> None:
    login, busy = server.answers["POST", f"{API}/token"], [Answer(503, "Too many logins at once")] * 2
    server.answers["POST", f"{API}/token"] = lambda request: busy.pop() if busy else login(request)
    client.login()
    assert len(server.logins) == 3


def test_get_gives_up_at_the_deadline(server: FakeServer) -> None:
    server.on("GET", "/host/all", "starting", status=503)
    with Client(server.address, "asdf", "asdfasdf", retry=0.3) as client:
        begin = time.monotonic()
        with pytest.raises(HanamiException, match="starting"):
            client.hosts()
        assert 0.3 <= time.monotonic() - begin < 2
    assert len(server.requests) > 2


def test_get_is_not_repeated_without_patience(server: FakeServer) -> None:
    server.on("GET", "/host/all", "starting", status=503)
    with Client(server.address, "asdf", "asdfasdf", retry=0) as client, pytest.raises(HanamiException):
        client.hosts()
    assert len(server.requests) == 1


def test_pauses_grow_and_begin_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("hanami_sdk._retry.time.sleep", slept.append)
    monkeypatch.setattr("hanami_sdk._retry.random.uniform", lambda low, high: high)
    backoff = _retry.Backoff(60)
    assert all(backoff.pause() for _ in range(8))
    assert slept == [0.0, 0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]
    backoff.renew()
    assert backoff.pause()
    assert slept[-1] == 0.0


def test_other_methods_are_not_repeated(server: FakeServer, client: Client) -> None:
    client.login()

    def answer(request: Request) -> Answer:
        raise ConnectionResetError

    server.answers["DELETE", f"{API}/cluster"] = answer
    with pytest.raises(ConnectionFailedException, match="DELETE"):
        client.delete_cluster(C)
    assert len(server.requests) == 1


def broken_off(server: FakeServer, times: int) -> Callable[[Request], Answer]:
    """Carry a call out and break the connection off, so many times; then answer."""

    def answer(request: Request) -> Answer:
        if len(server.requests) <= times:
            raise ConnectionResetError
        return Answer(body={"uuid": C, "name": "reader"})

    return answer


def knows_keys(server: FakeServer) -> None:
    token = {"id": "asdf", "is_admin": True, "name": "asdf", "token": "t"}
    server.on("POST", "/token", lambda request: Answer(body=token, headers={"Idempotency-Replayed": "false"}))


def test_what_creates_is_repeated_with_its_key(server: FakeServer, client: Client) -> None:
    knows_keys(server)
    server.answers["POST", f"{API}/cluster"] = broken_off(server, 2)
    assert client.create_cluster("reader").uuid == C
    assert client.create_cluster("reader").uuid == C
    keys = [request.headers["idempotency-key"] for request in server.requests]
    assert len(keys) == 4
    assert len(set(keys)) == 2
    assert keys[0] == keys[1] == keys[2]


def test_what_is_still_carried_out_is_waited_for(server: FakeServer, client: Client) -> None:
    knows_keys(server)

    def answer(request: Request) -> Answer:
        if len(server.requests) == 1:
            raise ConnectionResetError
        busy = len(server.requests) < 4
        return Answer(409 if busy else 200, {"uuid": C, "name": "reader"}, {"Retry-After": "1"} if busy else {})

    server.answers["POST", f"{API}/cluster"] = answer
    assert client.create_cluster("reader").uuid == C
    assert len(server.requests) == 4


def test_nothing_is_repeated_where_keys_are_unknown(server: FakeServer, client: Client) -> None:
    server.answers["POST", f"{API}/cluster"] = broken_off(server, 1)
    with pytest.raises(ConnectionFailedException):
        client.create_cluster("reader")
    assert len(server.requests) == 1


def test_what_a_plugin_adds_is_not_repeated(server: FakeServer, client: Client) -> None:
    knows_keys(server)
    server.answers["POST", f"{API}/echo/call"] = broken_off(server, 1)
    with pytest.raises(ConnectionFailedException):
        client.post("/echo/call", {})
    assert len(server.requests) == 1


def test_time_out(server: FakeServer) -> None:
    server.answers["GET", HOSTS] = server.hold
    with Client(server.address, "asdf", "asdfasdf", timeout=0.1) as client:
        with pytest.raises(ConnectionFailedException, match="timed out"):
            client.hosts()
    assert len(server.requests) == 1, "what takes too long once is not tried again"


def test_no_server() -> None:
    begin = time.monotonic()
    with Client("http://127.0.0.1:9", "asdf", "asdfasdf", retry=0.5) as client:
        with pytest.raises(ConnectionFailedException):
            client.hosts()
    assert time.monotonic() - begin >= 0.5, "it is tried again for as long as that"


def test_usable_after_close(server: FakeServer, client: Client) -> None:
    server.on("GET", "/host/all", {"header": [], "body": []})
    client.hosts()
    client.close()
    client.close()
    assert client.hosts() == []
    assert len(server.logins) == 1


@pytest.mark.parametrize("address", ["127.0.0.1:11418", "ftp://host", ""])
def test_wrong_address(address: str) -> None:
    with pytest.raises(ValueError, match="http"):
        Client(address, "asdf", "asdfasdf")


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
def test_wrong_time_out(timeout: float) -> None:
    with pytest.raises(ValueError, match="time-out"):
        Client("http://x", "asdf", "asdfasdf", timeout=timeout)


@pytest.mark.parametrize("retry", [-1, float("nan")])
def test_wrong_patience(retry: float) -> None:
    with pytest.raises(ValueError, match="trying again"):
        Client("http://x", "asdf", "asdfasdf", retry=retry)


def test_slash_at_the_end_of_the_address(server: FakeServer) -> None:
    server.on("GET", "/host/all", {"header": [], "body": []})
    with Client(server.address + "/", "asdf", "asdfasdf") as client:
        assert client.hosts() == []


def test_endpoints_of_plugins(server: FakeServer, client: Client) -> None:
    for method in ("GET", "POST", "PUT", "DELETE"):
        server.on(method, "/extra", {"method": method})
    assert client.get("/extra", a=1) == {"method": "GET"}
    assert client.post("/extra", {"a": 1}) == {"method": "POST"}
    assert client.put("/extra", {"a": 1}) == {"method": "PUT"}
    assert client.delete("/extra") == {"method": "DELETE"}


def test_status_of_the_client(server: FakeServer, client: Client) -> None:
    server.on("GET", "/cluster", "no uuid", status=400)
    with pytest.raises(BadRequestException, match="no uuid"):
        client.cluster(C)
    server.on("GET", "/cluster", b"", status=418)
    with pytest.raises(HanamiException, match="418") as caught:
        client.cluster(C)
    assert type(caught.value) is HanamiException


def test_no_json_number_is_refused_before_it_is_sent(server: FakeServer, client: Client) -> None:
    with pytest.raises(ValueError, match="JSON"):
        client.post("/extra", {"a": float("nan")})
    assert server.requests == []
