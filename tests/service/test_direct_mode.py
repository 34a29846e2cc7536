"""Direct mode ends with its clients, several of them share it, and who has to wait is told for whom."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from hanami_sdk import Client, Cluster, ConflictException, Dataset, DirectIOException, Task
from hanami_server.demo.scenario import TEMPLATE
from tests.faults.victims import query
from tests.local import LocalServer
from tests.server.harness import until
from tests.service.wire import Wire

LEASE = 3
QUICK = ("--set", f"clusters.direct_lease={LEASE}", "--set", "clusters.direct_grace=1")
INPUT, OUTPUT = {"picture_hex": [0.5] * 16}, {"label_hex": [1.0, 0.0]}
SINCE = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """A server whose leases are short."""
    with LocalServer(tmp_path_factory.mktemp("direct") / "data", *QUICK) as server:
        yield server


@pytest.fixture(scope="module")
def admin(quick: LocalServer) -> Iterator[Client]:
    with Client(quick.address, quick.user, quick.passphrase) as client:
        yield client


@pytest.fixture(scope="module")
def digits(admin: Client, small_digits: tuple[Path, Path]) -> Dataset:
    return admin.upload_mnist("digits", *small_digits)


@pytest.fixture
def cluster(admin: Client) -> Cluster:
    return admin.create_cluster(f"direct {len(admin.clusters())}", TEMPLATE)


def queue(admin: Client, cluster: Cluster, digits: Dataset) -> Task:
    return admin.train(cluster, {"picture_hex": digits["picture"]}, {"label_hex": digits["label"]}, wait=False)


def mode(admin: Client, cluster: Cluster) -> str:
    return admin.cluster(cluster).mode


def test_direct_mode_without_clients_ends_and_tasks_go_on(admin: Client, cluster: Cluster, digits: Dataset) -> None:
    admin.set_mode(cluster, "DIRECT")
    task = admin.task(queue(admin, cluster, digits))
    assert task.state == "queued"
    assert task.waiting is not None
    assert re.fullmatch(
        f"it waits until the cluster is no longer in direct mode, to which user 'demo' has switched it at {SINCE}",
        task.waiting,
    )
    task = admin.wait(task, timeout=60)
    assert (task.finished, task.waiting, mode(admin, cluster)) == (True, None, "TASK")


def test_whoever_leaves_while_another_client_connects_ends_nothing(
    quick: LocalServer, admin: Client, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Client(quick.address, quick.user, quick.passphrase) as other, ExitStack() as leaving:
        leaving.enter_context(other.direct(cluster)).train(INPUT, OUTPUT)
        open_socket = admin.open_socket

        def open_late(*args: Any) -> Any:
            leaving.close()
            assert mode(admin, cluster) == "TASK"
            return open_socket(*args)

        monkeypatch.setattr(admin, "open_socket", open_late)
        with admin.direct(cluster) as live:
            assert len(live.request(INPUT)) == 2
    assert mode(admin, cluster) == "TASK"


def test_a_client_that_is_connected_holds_the_mode_and_its_end_ends_it(
    quick: LocalServer, admin: Client, cluster: Cluster
) -> None:
    def lease() -> float:
        return float(query(quick, "SELECT direct_until FROM cluster WHERE uuid = ?", cluster.uuid)[0][0])

    admin.set_mode(cluster, "DIRECT")
    first = lease()
    socket = admin.open_socket("cluster", cluster.uuid, DirectIOException)
    until(lambda: lease() > first + LEASE, 60)
    assert mode(admin, cluster) == "DIRECT"
    socket.close()
    until(lambda: mode(admin, cluster) == "TASK", 60)


def test_several_clients_talk_to_one_cluster_until_the_last_one_has_left(
    quick: LocalServer, admin: Client, cluster: Cluster
) -> None:
    with Client(quick.address, quick.user, quick.passphrase) as other, admin.direct(cluster) as first:
        first.train(INPUT, OUTPUT)
        with other.direct(cluster) as second:
            second.train(INPUT, OUTPUT)
            first.train(INPUT, OUTPUT)
            assert len(second.request(INPUT)) == len(first.request(INPUT)) == 2
        assert mode(admin, cluster) == "DIRECT"
        first.train(INPUT, OUTPUT)
    found = admin.cluster(cluster)
    assert (found.mode, found.cycles) == ("TASK", 4)


def test_a_refusal_says_who_is_in_the_way(quick: LocalServer, admin: Client, cluster: Cluster, digits: Dataset) -> None:
    admin.set_mode(cluster, "DIRECT")
    with pytest.raises(ConflictException) as caught:
        admin.set_mode(cluster, "DIRECT")
    assert re.fullmatch(
        f"Can not switch cluster to 'DIRECT': user 'demo' has done that already, at {SINCE}; share it \\('shared'\\), "
        "wait until all clients have left, or switch it to 'TASK' first, which ends their work",
        str(caught.value).removeprefix("status 409: "),
    )
    admin.set_mode(cluster, "DIRECT", shared=True)
    task = queue(admin, cluster, digits)
    admin.set_mode(cluster, "TASK", shared=True)  # nobody is connected
    admin.wait(task)


def test_released_clients_see_what_they_know(quick: LocalServer, admin: Client, cluster: Cluster) -> None:
    wire = Wire(quick.address, Wire(quick.address).login(quick.user, quick.passphrase))
    body = {"uuid": cluster.uuid, "new_state": "DIRECT"}
    assert wire.body("PUT", "cluster/set_mode", body).status == 200
    assert wire.body("PUT", "cluster/set_mode", body) == (409, "Can not switch cluster to 'DIRECT'")
    socket = admin.open_socket("cluster", cluster.uuid, DirectIOException)
    answer = wire.body("PUT", "cluster/set_mode", body | {"new_state": "TASK"})
    assert answer.json["new_state"] == mode(admin, cluster) == "TASK"
    socket.close()
