"""Names in place of UUIDs, wherever the client takes those of datasets, clusters and checkpoints."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

import pytest

from hanami_sdk import Checkpoint, Client, Cluster, ConflictException, Dataset, NotFoundException
from hanami_sdk.aio import AsyncClient

from .fake_server import C, D, FakeServer, P
from .test_routes import WHOLE, Recorder, nothing

NAMES = {"net": C, "digits": D, "summer": P}
LISTS = ["/checkpoint/all", "/cluster/all", "/dataset/all"]
TABLE = {"header": ["uuid", "name"], "body": [[uuid, name] for name, uuid in NAMES.items()]}

CALLS: dict[str, Callable[[Client, Any, Any, Any], Any]] = {
    "check": lambda client, net, digits, summer: client.check(digits, digits),
    "checkpoint": lambda client, net, digits, summer: client.checkpoint(summer),
    "cluster": lambda client, net, digits, summer: client.cluster(net),
    "compare": lambda client, net, digits, summer: client.compare(digits, digits),
    "dataset": lambda client, net, digits, summer: client.dataset(digits),
    "dataset_content": lambda client, net, digits, summer: client.dataset_content(digits, "x"),
    "delete_checkpoint": lambda client, net, digits, summer: client.delete_checkpoint(summer),
    "delete_cluster": lambda client, net, digits, summer: client.delete_cluster(net),
    "delete_dataset": lambda client, net, digits, summer: client.delete_dataset(digits),
    "delete_task": lambda client, net, digits, summer: client.delete_task("t", net),
    "direct": lambda client, net, digits, summer: client.direct(net).__enter__(),
    "download_checkpoint": lambda client, net, digits, summer: nothing(client.download_checkpoint, summer),
    "download_dataset": lambda client, net, digits, summer: nothing(client.download_dataset, digits),
    "export": lambda client, net, digits, summer: nothing(client.export, summer, "onnx"),
    "fit": lambda client, net, digits, summer: client.fit(net, [[1.0]], [[1.0]], wait=False),
    "label_checkpoint": lambda client, net, digits, summer: client.label_checkpoint(summer, name="new"),
    "label_cluster": lambda client, net, digits, summer: client.label_cluster(net, name="new"),
    "label_dataset": lambda client, net, digits, summer: client.label_dataset(digits, name="new"),
    "keep_cluster": lambda client, net, digits, summer: client.keep_cluster(net),
    "keep_dataset": lambda client, net, digits, summer: client.keep_dataset(digits),
    "lease_cluster": lambda client, net, digits, summer: client.lease_cluster(net, 60),
    "lease_dataset": lambda client, net, digits, summer: client.lease_dataset(digits, 60),
    "predict": lambda client, net, digits, summer: client.predict(net, [[1.0]]),
    "request": lambda client, net, digits, summer: client.request(net, {"x": digits}, {"y": "a"}),
    "restore": lambda client, net, digits, summer: client.restore(net, summer),
    "save": lambda client, net, digits, summer: client.save(net, "point"),
    "set_checkpoint_visibility": lambda client, net, digits, summer: client.set_checkpoint_visibility(summer, "shared"),
    "set_cluster_visibility": lambda client, net, digits, summer: client.set_cluster_visibility(net, "shared"),
    "set_dataset_visibility": lambda client, net, digits, summer: client.set_dataset_visibility(digits, "shared"),
    "set_mode": lambda client, net, digits, summer: client.set_mode(net, "TASK"),
    "switch_host": lambda client, net, digits, summer: client.switch_host(net, "h"),
    "task": lambda client, net, digits, summer: client.task("t", net),
    "tasks": lambda client, net, digits, summer: client.tasks(net),
    "train": lambda client, net, digits, summer: client.train(net, {"x": digits, "z": (digits, "y")}, {"y": digits}),
}


class Known(Recorder):
    """A client of a server that has one thing of each kind; it notes what it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.lists: list[str] = []
        self.others: list[Any] = []

    def _send(
        self,
        method: str,
        path: str,
        token: str = "",
        *,
        query: Mapping[str, object] | None = None,
        body: Mapping[str, object] | None = None,
    ) -> Any:
        if path in LISTS:
            self.lists.append(path)
            return TABLE
        if path != "/token":
            self.others.append((method, path, query or body))
        return WHOLE | {"next": None}

    def open_stream(self, path: str, headers: Mapping[str, str], /, **query: object) -> Any:
        self.others.append(("GET", path, query))
        raise NotFoundException


def test_all_methods_that_take_one_are_here() -> None:
    taking = {
        name
        for name, method in inspect.getmembers(Client, inspect.isfunction)
        if not name.startswith("_")
        and {"ClusterLike", "DatasetLike", "CheckpointLike", "ResultLike"}
        & {word for one in inspect.signature(method).parameters.values() for word in str(one.annotation).split()}
    }
    assert set(CALLS) == taking


@pytest.mark.parametrize("name", CALLS)
def test_a_name_costs_one_question_and_all_else_none(name: str) -> None:
    call, by_name = CALLS[name], Known()
    call(by_name, *NAMES)
    assert by_name.lists
    assert len(by_name.lists) == len(set(by_name.lists)), "one question for all names of a kind"
    objects = Cluster(C, "net"), Dataset(D, "digits"), Checkpoint(P, "summer")
    for things in (list(NAMES.values()), list(map(UUID, NAMES.values())), objects):
        client = Known()
        call(client, *things)
        assert not client.lists
        assert client.others == by_name.others


def test_entries_of_the_rest_interface_may_have_names() -> None:
    client = Known()
    client.train(C, [{"dataset_uuid": "digits", "dataset_column": "x", "hexagon_name": "in"}], {"y": D}, wait=False)
    ((_, _, body),) = client.others
    assert body["inputs"] == [{"dataset_uuid": D, "dataset_column": "x", "hexagon_name": "in"}]


def test_a_name_that_nothing_has_tells_those_that_there_are(server: FakeServer, client: Client) -> None:
    server.on("GET", "/cluster/all", {"header": ["uuid", "name"], "body": [[C, "net"], [D, "Größe"]]})
    with pytest.raises(NotFoundException, match=r"^there is no cluster 'other', only 'Größe', 'net'$"):
        client.delete_cluster("other")
    server.on("GET", "/cluster/all", {"header": ["uuid", "name"], "body": []})
    with pytest.raises(NotFoundException, match=r"^there is no cluster 'other', nor any other cluster$"):
        client.delete_cluster("other")
    many = [[C, f"net {number:02}"] for number in range(30)]
    server.on("GET", "/cluster/all", {"header": ["uuid", "name"], "body": many})
    with pytest.raises(NotFoundException, match=r"'net 19' and 10 more$"):
        client.delete_cluster("other")
    assert {request.method for request in server.requests} == {"GET"}


def test_a_name_that_several_have_tells_their_uuids(server: FakeServer, client: Client) -> None:
    server.on("GET", "/dataset/all", {"header": ["uuid", "name"], "body": [[C, "digits"], [D, "digits"]]})
    with pytest.raises(ConflictException, match=rf"^2 datasets are named 'digits', use the UUID: {C}, {D}$"):
        client.delete_dataset("digits")


def test_names_are_compared_as_the_server_stores_them(server: FakeServer, client: Client) -> None:
    server.on("GET", "/cluster/all", {"header": ["uuid", "name"], "body": [[C, "Größe"]]})
    server.on("DELETE", "/cluster")
    client.delete_cluster("Gro\u0308ße")
    assert server.requests[-1].query == {"uuid": C}


def test_a_fit_with_a_wrong_name_uploads_nothing(server: FakeServer, client: Client) -> None:
    server.on("GET", "/cluster/all", TABLE)
    with pytest.raises(NotFoundException, match="there is no cluster 'other'"):
        client.fit("other", [[1.0]], [[1.0]])
    assert [request.path.rpartition("/")[2] for request in server.requests] == ["all"]


def test_names_with_an_event_loop(server: FakeServer) -> None:
    server.on("GET", "/cluster/all", TABLE)
    server.on("DELETE", "/cluster")

    async def main() -> None:
        async with AsyncClient(server.address, "asdf", "asdfasdf", timeout=10) as client:
            await client.delete_cluster("net")

    asyncio.run(main())
    assert server.requests[-1].query == {"uuid": C}
