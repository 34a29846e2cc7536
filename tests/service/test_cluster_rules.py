"""Clusters, tasks, checkpoints and direct IO at their edges."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from hanami_sdk import Client, Cluster, Dataset, hanami_token
from hanami_sdk.hanami_exceptions import (
    BadRequestException,
    ConflictException,
    DirectIOException,
    TaskFailedException,
)
from hanami_server.demo.scenario import TEMPLATE
from hanami_server.local import LocalServer

NOBODY = "00000000-0000-4000-8000-000000000000"


class Raw:
    """Requests as any client may send them."""

    def __init__(self, server: LocalServer) -> None:
        self.address = server.address
        self.token = hanami_token.request_token(server.address, server.user, server.passphrase)

    def __call__(self, method: str, path: str, **kwargs: Any) -> tuple[int, str]:
        headers = {"X-Auth-Token": self.token}
        answer = requests.request(method, f"{self.address}/v1.0alpha/{path}", headers=headers, timeout=30, **kwargs)
        return answer.status_code, answer.text


@pytest.fixture
def raw(server: LocalServer) -> Raw:
    return Raw(server)


def feeds(dataset: Dataset, **changes: Any) -> dict[str, Any]:
    body = {
        "name": "task",
        "inputs": [{"dataset_uuid": dataset.uuid, "dataset_column": "picture", "hexagon_name": "picture_hex"}],
        "outputs": [{"dataset_uuid": dataset.uuid, "dataset_column": "label", "hexagon_name": "label_hex"}],
    }
    return body | changes


def train(client: Client, cluster: Cluster, dataset: Dataset) -> None:
    client.train(cluster, {"picture_hex": dataset["picture"]}, {"label_hex": dataset["label"]})


def test_a_request_needs_a_trained_cluster(client: Client, cluster: Cluster, dataset: Dataset) -> None:
    with pytest.raises(ConflictException, match="never trained"):
        client.request(cluster, {"picture_hex": dataset["picture"]}, {"label_hex": "answer"})


def test_the_width_of_an_output_is_for_ever(client: Client, cluster: Cluster, dataset: Dataset) -> None:
    train(client, cluster, dataset)
    with pytest.raises(BadRequestException, match="was created with 10"):
        client.train(cluster, {"picture_hex": dataset["picture"]}, {"label_hex": dataset["picture"]})


def test_requests_change_nothing_and_repeat(client: Client, cluster: Cluster, dataset: Dataset) -> None:
    train(client, cluster, dataset)
    sections = client.cluster(cluster).number_of_sections
    asked = [client.request(cluster, {"picture_hex": dataset["picture"]}, {"label_hex": "answer"}) for _ in range(2)]
    contents = [client.dataset_content(task.uuid, "answer", 200) for task in asked]
    assert contents[0] == contents[1]
    assert client.cluster(cluster).number_of_sections == sections


def test_windows_of_rows(client: Client, cluster: Cluster, dataset: Dataset) -> None:
    inputs, outputs = {"picture_hex": dataset["picture"]}, {"label_hex": dataset["label"]}
    task = client.train(cluster, inputs, outputs, time_length=3)
    assert task.total_number_of_cycles == task.current_cycle == 198
    answers = client.request(cluster, inputs, {"label_hex": "answer"}, time_length=3)
    assert client.dataset(answers.uuid).number_of_rows == 198


def test_switching_to_the_own_host_keeps_everything(client: Client, cluster: Cluster, dataset: Dataset) -> None:
    train(client, cluster, dataset)
    sections = client.cluster(cluster).number_of_sections
    client.switch_host(cluster, client.hosts()[0])
    assert client.cluster(cluster).number_of_sections == sections


def test_a_hexagon_that_does_not_exist_can_not_be_moved(raw: Raw, client: Client, cluster: Cluster) -> None:
    body = {"cluster_uuid": cluster.uuid, "host_uuid": client.hosts()[0].uuid, "hexagon_id": 3}
    assert raw("PUT", "cluster/switch_host", json=body)[0] == 404
    assert raw("PUT", "cluster/switch_host", json=body | {"hexagon_id": 1})[0] == 200


def test_modes(client: Client, raw: Raw, cluster: Cluster, dataset: Dataset) -> None:
    client.set_mode(cluster, "TASK")
    client.set_mode(cluster, "DIRECT")
    with pytest.raises(ConflictException, match="Can not switch cluster to 'DIRECT'"):
        client.set_mode(cluster, "DIRECT")
    waiting = client.train(cluster, {"picture_hex": dataset["picture"]}, {"label_hex": dataset["label"]}, wait=False)
    assert client.task(waiting).state == "queued"
    client.set_mode(cluster, "TASK")
    assert client.wait(waiting).finished
    assert raw("PUT", "cluster/set_mode", json={"uuid": cluster.uuid, "new_state": "SLEEP"})[0] == 400


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("%%%", "not a valid base64-String"),
        (base64.b64encode(TEMPLATE.replace("version: 1", "version: 2").encode()).decode(), "version 2 is unknown"),
        (base64.b64encode(b"network: 1\n").decode(), "not a valid cluster-template"),
        (base64.b64encode(TEMPLATE.replace("2,1,1", "2,1").encode()).decode(), "line"),
        (base64.b64encode(TEMPLATE.replace("picture_hex: 1,1,1", "a: 9,9,9").encode()).decode(), "9,9,9"),
        (base64.b64encode(TEMPLATE.replace("1,1,1\n    2", "1,1,1 (binary)\n    2").encode()).decode(), "line"),
        (base64.b64encode(b"\xff\xfe").decode(), "not a valid base64-String"),
    ],
)
def test_a_wrong_template_leaves_nothing_behind(raw: Raw, client: Client, template: str, text: str) -> None:
    before = client.clusters()
    status, answer = raw("POST", "cluster", json={"name": "wrong", "template": template})
    assert status == 400
    assert text in answer
    assert client.clusters() == before


@pytest.fixture
def empty(client: Client) -> Iterator[Cluster]:
    """A cluster without a network."""
    created = client.create_cluster("empty one")
    yield created
    client.delete_cluster(created)


def test_a_cluster_without_template_takes_a_checkpoint(
    client: Client, raw: Raw, cluster: Cluster, empty: Cluster, dataset: Dataset
) -> None:
    train(client, cluster, dataset)
    client.restore(empty, client.save(cluster, "full"))
    assert client.cluster(empty).number_of_sections == client.cluster(cluster).number_of_sections
    other = json.loads(raw("POST", "cluster", json={"name": "no template"})[1])["uuid"]
    client.delete_cluster(other)


def test_a_cluster_without_network_can_only_be_trained_or_restored(
    client: Client, raw: Raw, empty: Cluster, dataset: Dataset
) -> None:
    for call in (
        lambda: client.request(empty, {"picture_hex": dataset["picture"]}, {"label_hex": "answer"}),
        lambda: client.save(empty, "nothing"),
        lambda: client.set_mode(empty, "DIRECT"),
        lambda: client.switch_host(empty, client.hosts()[0]),
    ):
        with pytest.raises(ConflictException, match="has no network, train it or restore a checkpoint first"):
            call()
    assert client.tasks(empty) == []


def test_the_first_training_makes_a_network(client: Client, empty: Cluster, dataset: Dataset) -> None:
    for _ in range(20):
        client.train(empty, {"picture": dataset["picture"]}, {"label": dataset["label"]}, wait=False)
    client.wait(client.train(empty, {"picture": dataset["picture"]}, {"label": dataset["label"]}, wait=False))
    answers = client.request(empty, {"picture": dataset["picture"]}, {"label": "answer"})
    assert client.check(answers, dataset) > 90
    with pytest.raises(BadRequestException, match="no hexagon with name 'picture_hex', known are: picture"):
        train(client, empty, dataset)
    checkpoint = client.save(empty, "made by training")
    copy = client.create_cluster("made again")
    client.restore(copy, checkpoint)
    again = client.request(copy, {"picture": dataset["picture"]}, {"label": "answer"})
    assert client.dataset_content(again, "answer", 200) == client.dataset_content(answers, "answer", 200)
    client.delete_cluster(copy)


def test_the_first_training_may_have_many_inputs_and_outputs(client: Client, empty: Cluster, dataset: Dataset) -> None:
    inputs = {f"in{number}": dataset["picture"] for number in range(3)}
    outputs = {"label": dataset["label"], "again": dataset["label"], "picture": dataset["label"]}
    for _ in range(20):
        client.train(empty, inputs, outputs)
    answers = client.request(empty, inputs, {"again": "answer"})
    assert client.check(answers, dataset) > 90


def test_a_first_training_that_fails_leaves_no_network(client: Client, empty: Cluster, dataset: Dataset) -> None:
    with pytest.raises(TaskFailedException, match="not between 0 and 1"):
        client.train(empty, {"a": dataset["label"]}, {"b": dataset["picture"]})
    with pytest.raises(ConflictException, match="has no network"):
        client.request(empty, {"a": dataset["picture"]}, {"b": "answer"})
    client.train(empty, {"c": dataset["picture"]}, {"d": dataset["label"]})
    assert client.cluster(empty).cycles == 200


def test_of_two_queued_first_trainings_the_first_one_counts(client: Client, empty: Cluster, dataset: Dataset) -> None:
    picture, label = dataset["picture"], dataset["label"]
    first = client.train(empty, {"a": picture}, {"b": label}, wait=False)
    # Refused at once if the first one has already been stored, else when its turn comes.
    with pytest.raises((TaskFailedException, BadRequestException), match=r"no (input|hexagon with name) 'x'"):
        client.train(empty, {"x": picture}, {"b": label})
    assert client.wait(first).finished


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"inputs": []}, "'inputs' must not be empty"),
        ({"outputs": {}}, "'outputs' must not be empty"),
        ({"inputs": {"a": NOBODY}, "outputs": {"a": NOBODY}}, "name 'a' is used by 2 inputs or outputs"),
        ({"inputs": {"": NOBODY}, "outputs": {"a": NOBODY}}, "is empty"),
        ({"inputs": {"a" * 255: NOBODY}, "outputs": {"a": NOBODY}}, "longer than 254"),
        ({"inputs": {str(n): NOBODY for n in range(1000)}, "outputs": {"a": NOBODY}}, "at most 1000 hexagons"),
        ({"outputs": {str(n): NOBODY for n in range(1000)}}, "at most 1000 hexagons"),
    ],
)
def test_names_that_make_no_network_are_refused(
    client: Client, raw: Raw, empty: Cluster, dataset: Dataset, change: dict[str, Any], text: str
) -> None:
    status, answer = raw("POST", "task/train", json=feeds(dataset, cluster_uuid=empty.uuid) | change)
    assert status == 400
    assert text in answer
    assert client.tasks(empty) == []


def test_equal_cluster_names_are_refused_and_free_after_delete(client: Client) -> None:
    first = client.create_cluster("same name", TEMPLATE)
    with pytest.raises(ConflictException, match="Cluster with name 'same name' already exist"):
        client.create_cluster("same name", TEMPLATE)
    client.delete_cluster(first)
    client.delete_cluster(client.create_cluster("same name", TEMPLATE))


def test_saving_then_deleting_behind_a_long_queue_keeps_the_checkpoint(
    client: Client, cluster: Cluster, dataset: Dataset
) -> None:
    for _ in range(30):
        client.train(cluster, {"picture_hex": dataset["picture"]}, {"label_hex": dataset["label"]}, wait=False)
    saved = client.post("/cluster/save", {"name": "busy", "cluster_uuid": cluster.uuid})["uuid"]
    client.delete_cluster(cluster)
    other = client.create_cluster("busy again", TEMPLATE)
    deadline = 200
    while saved not in {row.uuid for row in client.checkpoints()} and deadline:
        deadline -= 1
        client.hosts()
    client.restore(other, saved)
    assert client.cluster(other).number_of_blocks
    client.delete_cluster(other)


def test_a_dataset_that_is_deleted_meanwhile_is_still_trained(
    client: Client, cluster: Cluster, dataset: Dataset
) -> None:
    client.set_mode(cluster, "DIRECT")
    task = client.train(cluster, {"picture_hex": dataset["picture"]}, {"label_hex": dataset["label"]}, wait=False)
    client.delete_dataset(dataset)
    client.set_mode(cluster, "TASK")
    assert client.wait(task).finished


def test_outputs_outside_of_their_range_fail_with_a_reason(client: Client, dataset: Dataset) -> None:
    table = client.upload_csv("wide", b"a,b\n1,5\n2,7\n")
    template = TEMPLATE.replace("picture_hex", "a").replace("label_hex", "b")
    cluster = client.create_cluster("wide", template)
    with pytest.raises(TaskFailedException) as caught:
        client.train(cluster, {"a": table["a"]}, {"b": table["b"]})
    assert caught.value.task.error
    client.delete_cluster(cluster)


# -- direct IO --------------------------------------------------------------------------------------------------------


def test_direct_io_answers_errors_and_stays_usable(client: Client, cluster: Cluster) -> None:
    with client.direct(cluster) as direct:
        with pytest.raises(DirectIOException, match="bufferName 'nothing' is unknown"):
            direct.request({"nothing": [1.0]})
        with pytest.raises(DirectIOException, match="never trained"):
            direct.request({"picture_hex": [1.0, 2.0]})
        with pytest.raises(DirectIOException, match="finite"):
            direct.request({"picture_hex": [float("nan")]})
        direct.train({"picture_hex": [5.0, 0.0]}, {"label_hex": [1.0, 0.0]})
        assert len(direct.request({"picture_hex": [5.0, 0.0]})) == 2


def test_direct_io_learns(client: Client, cluster: Cluster) -> None:
    rows = [([9.0, 0.0, 0.0], [1.0, 0.0]), ([0.0, 0.0, 9.0], [0.0, 1.0])]
    with client.direct(cluster) as direct:
        for _ in range(200):
            for inputs, outputs in rows:
                direct.train({"picture_hex": inputs}, {"label_hex": outputs})
        answers = [direct.request({"picture_hex": inputs}) for inputs, _ in rows]
    assert answers[0][0] > 0.8
    assert answers[1][1] > 0.8


# -- metrics ----------------------------------------------------------------------------------------------------------


def test_growth_can_be_seen(client: Client, cluster: Cluster, dataset: Dataset) -> None:
    fresh = client.cluster(cluster)
    assert (fresh.number_of_blocks, fresh.cycles, fresh.metrics) == (0, 0, {})
    train(client, cluster, dataset)
    grown = client.cluster(cluster)
    assert grown.cycles == 200
    assert grown.seed == fresh.seed
    assert (grown.host, grown.mode) == ("cpu0", "TASK")
    assert grown.metrics["blocks"] == grown.number_of_blocks == 2
    assert grown.metrics["synapses"] > grown.metrics["sections"] == grown.number_of_sections
