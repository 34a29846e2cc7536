"""Predictions of a real server: many at a time, while a training runs, and across the death of the sidecar."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from hanami_sdk import Client, Cluster, Dataset
from hanami_server.demo.scenario import TEMPLATE
from tests.faults.victims import begin_training, idx_digits, kill_child, served
from tests.local import LocalServer

SIDE = 12
INPUT, OUTPUT = "picture_hex", "label_hex"


@pytest.fixture
def dataset(client: Client) -> Dataset:
    return client.upload_mnist("digits to predict", *idx_digits(400, SIDE))


@pytest.fixture
def cluster(client: Client, dataset: Dataset, request: pytest.FixtureRequest) -> Cluster:
    made = client.create_cluster(f"predicts {request.node.name}"[:60].replace("[", " ").replace("]", ""), TEMPLATE)
    client.train(made, {INPUT: dataset["picture"]}, {OUTPUT: dataset["label"]})
    return made


@pytest.fixture
def pictures(client: Client, dataset: Dataset) -> list[list[float]]:
    return client.dataset_content(dataset, "picture", rows=64)


def test_it_is_what_a_task_answers(
    client: Client, cluster: Cluster, dataset: Dataset, pictures: list[list[float]]
) -> None:
    task = client.request(cluster, {INPUT: dataset["picture"]}, {OUTPUT: "answer"})
    expected = np.float32(client.dataset_content(task, "answer", rows=64))
    answer = client.predict(cluster, {INPUT: pictures})
    assert np.array_equal(np.float32(answer.rows), expected)
    assert answer.outputs == {OUTPUT: answer.rows}
    for rows in (
        pictures,
        np.array(pictures),
        np.array(pictures, np.float32, order="F"),
        [list(map(str, row)) for row in pictures],
        pa.table([list(column) for column in zip(*pictures, strict=True)], names=_names()),
    ):
        assert client.predict(cluster, rows).rows == answer.rows


def _names() -> list[str]:
    return [f"pixel {number}" for number in range(SIDE * SIDE)]


def test_many_ask_at_once_while_the_cluster_trains(
    client: Client, cluster: Cluster, dataset: Dataset, pictures: list[list[float]]
) -> None:
    before = client.predict(cluster, pictures)
    tasks = [begin_training(client, cluster, dataset) for _ in range(20)]
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: client.predict(cluster, pictures), range(64)))
    client.wait(tasks[-1])
    known = {before.version: before.rows}
    for answer in answers:
        assert known.setdefault(answer.version, answer.rows) == answer.rows, "a state answers always the same"
    assert client.predict(cluster, pictures).version > before.version


def test_a_sidecar_that_was_killed_answers_again(tmp_path: Path) -> None:
    with (
        LocalServer(tmp_path / "data", "--set", "http.workers=1") as server,
        Client(server.address, server.user, server.passphrase) as client,
    ):
        dataset = client.upload_mnist("digits", *idx_digits(50, SIDE))
        cluster = client.create_cluster("digits", TEMPLATE)
        client.train(cluster, {INPUT: dataset["picture"]}, {OUTPUT: dataset["label"]})
        pictures = client.dataset_content(dataset, "picture", rows=3)
        before = client.predict(cluster, pictures)
        former = kill_child(server, "sidecar cpu0")
        served(server, "sidecar cpu0", former)
        assert client.predict(cluster, pictures).rows == before.rows
