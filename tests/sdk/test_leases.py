"""Leases that the client asks for, and the thread that renews those of a process."""

from __future__ import annotations

import gc
import threading
import weakref
from functools import partial
from typing import Any

import pytest

from hanami_sdk import Client, Cluster, HanamiException, _leases
from hanami_sdk._leases import leases_of

from .fake_server import API, Answer, C, D, FakeServer, Request

UNKNOWN = "Validation failed, because item 'lease' is not in the list of allowed keys"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_leases, "SECONDS", 6)
    monkeypatch.setattr(_leases, "RENEWALS", 200)


@pytest.fixture(autouse=True)
def answers(server: FakeServer) -> None:
    server.on("POST", "/cluster", {"uuid": C, "name": "net"})
    server.on("PUT", "/cluster/lease", {"uuid": C})
    server.on("GET", "/cluster", {"uuid": C, "name": "net", "lease": 6, "lease_left": 5})
    server.on("DELETE", "/cluster")


def held(client: Client) -> Cluster:
    return leases_of(client).cluster(partial(client.create_cluster, "net"))


def asked(server: FakeServer, method: str, path: str = "/cluster") -> list[Any]:
    return [one.body or one.query for one in server.requests if (one.method, one.path) == (method, API + path)]


class Renewals:
    """Tells when a lease was renewed."""

    def __init__(self, server: FakeServer, *answers: Answer) -> None:
        self._left, self._told = list(answers), threading.Semaphore(0)
        server.on("PUT", "/cluster/lease", self.answer)

    def answer(self, request: Request) -> Answer:
        self._told.release()
        return self._left.pop(0) if self._left else Answer(body={"uuid": C})

    def wait(self) -> bool:
        return self._told.acquire(timeout=10)


def threads() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name == "hanami-leases"]


def ended() -> bool:
    for thread in threads():
        thread.join(10)
    return not threads()


def test_leases_are_asked_for_renewed_and_ended(server: FakeServer, client: Client) -> None:
    client.create_cluster("net", lease=60)
    client.lease_cluster(C, 60)
    client.keep_cluster(C)
    server.on("PUT", "/dataset/lease", {"uuid": D})
    client.lease_dataset(D, 60)
    client.keep_dataset(D)
    assert asked(server, "POST") == [{"name": "net", "template": "", "lease": 60}]
    assert asked(server, "PUT", "/cluster/lease") == [{"uuid": C, "lease": 60}, {"uuid": C, "lease": None}]
    assert asked(server, "PUT", "/dataset/lease") == [{"uuid": D, "lease": 60}, {"uuid": D, "lease": None}]
    assert (client.cluster(C).lease, client.cluster(C).lease_left) == (6, 5)


def test_a_lease_is_renewed_until_the_cluster_is_deleted(server: FakeServer, client: Client) -> None:
    renewals = Renewals(server, Answer(), Answer(503, "busy"))  # what fails once is tried again
    assert held(client).uuid == C
    assert asked(server, "POST") == [{"name": "net", "template": "", "lease": 6}]
    assert all(renewals.wait() for _ in range(4))
    leases_of(client).delete(C)
    assert asked(server, "DELETE") == [{"uuid": C}]
    assert ended()


def test_one_that_somebody_has_kept_is_neither_renewed_nor_deleted(server: FakeServer, client: Client) -> None:
    renewals = Renewals(server, Answer(), Answer(409, "it stays"))
    held(client)
    assert renewals.wait()
    assert renewals.wait()
    assert ended()
    server.on("GET", "/cluster", {"uuid": C, "name": "net", "lease": None, "lease_left": None})
    leases_of(client).delete(C)
    assert asked(server, "DELETE") == []


def test_one_that_is_kept_here_is_not_renewed_any_more(server: FakeServer, client: Client) -> None:
    held(client)
    leases_of(client).keep(C)
    assert ended()
    assert asked(server, "PUT", "/cluster/lease")[-1] == {"uuid": C, "lease": None}


def test_a_server_without_leases_is_asked_once(server: FakeServer, client: Client) -> None:
    def refuse(request: Request) -> Answer:
        return Answer(400, UNKNOWN) if "lease" in request.body else Answer(body={"uuid": C, "name": "net"})

    server.on("POST", "/cluster", refuse)
    with pytest.raises(HanamiException, match="'lease'"):
        client.create_cluster("net", lease=60)
    for _ in range(2):
        held(client)
    assert ["lease" in body for body in asked(server, "POST")] == [True, True, False, False]
    assert asked(server, "PUT", "/cluster/lease") == []
    leases_of(client).delete(C)
    assert asked(server, "GET") == []
    assert asked(server, "DELETE") == [{"uuid": C}]


def test_where_a_policy_knows_no_leases_there_are_none(server: FakeServer, client: Client) -> None:
    server.on("PUT", "/cluster/lease", "Access denied by policy", status=401)
    held(client)
    assert ["lease" in body for body in asked(server, "POST")] == [True, False]
    assert asked(server, "DELETE") == [{"uuid": C}]
    assert not threads()


def test_a_client_that_nobody_needs_goes_with_its_thread(server: FakeServer) -> None:
    client = Client(server.address, "asdf", "asdfasdf", timeout=10)
    renewals, gone = Renewals(server), threading.Event()
    held(client)
    assert renewals.wait()
    client.close()
    weakref.finalize(client, gone.set)
    del client
    gc.collect()
    assert gone.wait(10)
    assert ended()


def test_a_forked_process_renews_nothing(server: FakeServer, client: Client) -> None:
    held(client)
    leases = leases_of(client)
    leases._after_fork()
    leases.delete(C)
    assert asked(server, "GET") == [], "of what it does not hold it asks nothing"
