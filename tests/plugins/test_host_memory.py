"""The networks of a host, and those of each user, have so much memory together; others wait, or are told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hanami_core.errors import Unavailable, Unprocessable
from hanami_core.testing.requests import ClientRequest, open_socket
from hanami_plugins.clusters import Cluster, host_memory
from hanami_plugins.clusters.host_memory import HostMemory, NetworkOwner
from tests.plugins.call_kit import training
from tests.plugins.data import message
from tests.server.harness import until
from tests.whole import Whole

TABLE = b"a,b\n1,0\n0,1\n"


ANNA, BERT, CLEO = NetworkOwner("anna", "one"), NetworkOwner("bert", "two"), NetworkOwner("cleo", "three")


def code(memory: HostMemory, key: str, owner: NetworkOwner, size: int) -> str:
    with pytest.raises(Unavailable) as refused:
        memory.take(key, owner, size)
    return refused.value.code


def test_the_networks_of_all_and_of_one_user_are_limited() -> None:
    memory = HostMemory(100, 60, 100)
    memory.take("a", ANNA, 50)
    assert code(memory, "b", ANNA, 11) == "user_memory_exhausted"
    memory.take("b", BERT, 50)
    assert code(memory, "c", CLEO, 1) == "host_memory_exhausted"
    assert code(memory, "a", ANNA, 51) == "host_memory_exhausted"
    assert memory.held("a") == 50
    memory.release("b")
    memory.release("b")
    memory.take("a", ANNA, 60)
    with pytest.raises(Unprocessable):
        memory.take("c", CLEO, 61)


def test_the_networks_of_one_project_are_limited() -> None:
    memory = HostMemory(100, 60, 70)
    memory.take("a", ANNA, 50)
    dora = NetworkOwner("dora", ANNA.project)
    assert code(memory, "b", dora, 21) == "project_memory_exhausted"
    memory.take("b", dora, 20)
    memory.take("c", BERT, 30)
    with pytest.raises(Unprocessable) as refused:
        HostMemory(100, 60, 40).take("d", CLEO, 41)
    assert refused.value.parameters["setting"] == "clusters.project_memory"


def test_a_network_that_does_not_grow_is_never_refused() -> None:
    memory = HostMemory(100, 100, 100)
    memory.take("a", ANNA, 50)
    memory.note("a", 200)
    memory.take("a", ANNA, 180)
    assert code(memory, "b", BERT, 1) == "host_memory_exhausted"


def test_room_is_made_before_anything_is_refused() -> None:
    memory = HostMemory(100, 100, 100)
    memory.take("idle", ANNA, 80)
    memory.reclaims(lambda: memory.release("idle"))
    memory.take("a", BERT, 50, reclaim=True)
    assert (memory.held("idle"), memory.held("a")) == (0, 50)


# -- what users meet ---------------------------------------------------------------------------------------------------


class Prepared:
    """Two clusters that were trained, and how many bytes one of them takes."""

    def __init__(self, whole: Whole) -> None:
        announced = whole.call("POST", "dataset/upload/csv", name="table", input_data_size=len(TABLE)).json
        session = opened(whole, "file_upload", announced["uuid_input_file"])
        session.receive(message(0, TABLE))
        session.close()
        whole.call("PUT", "dataset/upload/csv", **{n: announced[n] for n in ("uuid", "uuid_input_file")})
        self.table = announced["uuid"]
        self.clusters = [whole.call("POST", "cluster", name=name).json["uuid"] for name in ("first", "second")]
        for cluster in self.clusters:
            finish(whole, cluster, self.train(whole, cluster))
        self.bytes = int(msgspec.json.decode(Cluster.get(Cluster.uuid == self.clusters[0]).metrics)["memory"])

    def train(self, whole: Whole, cluster: str) -> str:
        return str(whole.call("POST", "task/train", **training(cluster, self.table)).json["uuid"])


def opened(whole: Whole, target: str, uuid: str) -> Any:
    first = {"token": whole.token, "target": target, "uuid": uuid}
    outcome = open_socket(whole, ClientRequest(), msgspec.json.encode(first))
    assert outcome.session is not None, outcome.answer
    return outcome.session


def state(whole: Whole, cluster: str, task: str) -> Any:
    return whole.call("GET", "task", uuid=task, cluster_uuid=cluster).json


def finish(whole: Whole, cluster: str, task: str) -> None:
    until(lambda: state(whole, cluster, task)["state"] == "finished")


@pytest.fixture
def prepared(tmp_path: Path) -> Prepared:
    with Whole(tmp_path / "data", compute="cpu0") as whole:
        return Prepared(whole)


def limits(size: int) -> dict[str, Any]:
    return {"clusters__memory": size, "clusters__user_memory": size}


@pytest.fixture
def narrow(tmp_path: Path, prepared: Prepared, monkeypatch: pytest.MonkeyPatch) -> Iterator[Whole]:
    """A host on which one network has room, and not two."""
    monkeypatch.setattr(host_memory, "RETRY_SECONDS", 1)
    monkeypatch.setattr(host_memory, "LEAST", 1)
    with Whole(tmp_path / "data", compute="cpu0", **limits(prepared.bytes * 3 // 2)) as whole:
        yield whole


def test_networks_that_nobody_needs_make_room(narrow: Whole, prepared: Prepared) -> None:
    for cluster in prepared.clusters * 2:
        finish(narrow, cluster, prepared.train(narrow, cluster))


def test_a_task_waits_until_others_leave_room(narrow: Whole, prepared: Prepared) -> None:
    first, second = prepared.clusters
    session = opened(narrow, "cluster", first)
    task = prepared.train(narrow, second)
    until(lambda: "may have" in state(narrow, second, task).get("error", ""))
    assert state(narrow, second, task)["state"] in ("queued", "active")
    refused = open_socket(
        narrow, ClientRequest(), msgspec.json.encode({"token": narrow.token, "target": "cluster", "uuid": second})
    )
    assert refused.session is None
    assert b"may have" in bytes(str(refused.answer), "utf-8")
    session.close()
    finish(narrow, second, task)
