"""Rows of a program train a cluster, whatever library they come from."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest

from hanami_sdk import Client, Cluster
from hanami_sdk.aio import AsyncClient
from hanami_sdk.hanami_exceptions import BadRequestException
from hanami_server.local import LocalServer

ROWS = np.stack([np.linspace(0, 1, 60), np.linspace(1, 0, 60)], axis=1)
KINDS = np.repeat(["high", "low"], 30)


@pytest.fixture
def cluster(client: Client) -> Iterator[Cluster]:
    made = client.create_cluster("fitted")
    yield made
    client.delete_cluster(made)


@pytest.mark.parametrize("rows", [ROWS.tolist(), ROWS, pa.table(list(ROWS.T), names=["up", "down"])], ids=type)
def test_rows_are_learned_and_no_dataset_is_left(client: Client, cluster: Cluster, rows: object) -> None:
    before = {dataset.uuid for dataset in client.datasets()}
    task = client.fit(cluster, rows, KINDS, epochs=40, validation=0.2, seed=1)
    assert task.state == "finished"
    assert 1 <= task.best_epoch <= task.epochs <= 40
    right = np.argmax(client.predict(cluster, rows).rows, axis=1) == (KINDS == "low")
    assert right.mean() > 0.9
    assert {dataset.uuid for dataset in client.datasets()} == before


def test_columns_have_the_names_of_the_cluster(client: Client, cluster: Cluster) -> None:
    targets = [[number / 59] for number in range(60)]
    client.fit(cluster, {"x": ROWS}, {"y": targets}, name="by name")
    assert list(client.predict(cluster, {"x": ROWS[:1]}).outputs) == ["y"]
    with pytest.raises(BadRequestException, match="'input'"):
        client.fit(cluster, ROWS, targets)
    assert not [dataset for dataset in client.datasets() if dataset.name == "fit"]


def test_the_dataset_of_a_process_that_dies_meanwhile_is_removed(
    client: Client, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Client, "delete_dataset", lambda *_: None)
    client.fit(cluster, ROWS, KINDS, name="left behind")
    monkeypatch.undo()
    (left,) = (dataset for dataset in client.datasets() if dataset.name == "left behind")
    lease = client.dataset(left.uuid).lease
    client.delete_dataset(left)
    assert lease == 6 * 3600


def test_what_is_no_class_and_no_row_is_refused(client: Client, cluster: Cluster) -> None:
    for expected, text in (
        ([0.5] * 60, "numbers with a fraction are not classes"),
        ([[2.0]] * 60, "row 0 has a target that is not between 0 and 1"),
        (["low"] * 59, "there are 60 rows of values, but 59 of column 'output'"),
    ):
        with pytest.raises(ValueError, match=text):
            client.fit(cluster, ROWS, expected)


def rare(count: int, seed: int, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of two classes that overlap, of which the second has a share of them."""
    random = np.random.default_rng(seed)
    kinds = random.random(count) < share
    return random.normal(size=(count, 4)) + 1.2 * kinds[:, None], np.where(kinds, "rare", "common")


LESSON, JUDGES = rare(900, 1, 0.03), rare(300, 2, 0.03)
WEIGHTS = [np.where(kinds == "rare", 30, 1) for _, kinds in (LESSON, JUDGES)]
HOW_MUCH = {
    "balanced": {"class_weight": "balanced"},
    "by name": {"class_weight": {"rare": 30, "common": 1}},
    "by row": {"sample_weight": WEIGHTS[0], "validation": (*JUDGES, WEIGHTS[1])},
    "by row of a list": {"sample_weight": WEIGHTS[0].tolist(), "validation": (*JUDGES, WEIGHTS[1].tolist())},
}


@pytest.mark.parametrize("how", [None, *HOW_MUCH])
def test_rows_and_classes_count_what_they_are_said_to(client: Client, cluster: Cluster, how: str | None) -> None:
    before = {dataset.uuid for dataset in client.datasets()}
    asked = {"validation": JUDGES} | HOW_MUCH.get(how or "", {})
    task = client.fit(cluster, *LESSON, epochs=20, seed=1, **asked)
    assert 1 <= task.best_epoch <= task.epochs <= 20
    assert {dataset.uuid for dataset in client.datasets()} == before
    rows, kinds = rare(400, 3, 0.5)
    found = np.argmax(client.predict(cluster, rows).rows, axis=1)[kinds == "rare"].mean()
    assert found < 0.5 if how is None else found > 0.7


def test_weights_that_are_none_are_refused(client: Client, cluster: Cluster) -> None:
    before = {dataset.uuid for dataset in client.datasets()}
    for how, text in (
        ({"class_weight": {"middle": 2}}, "class_weight: 'middle' is none of the classes"),
        ({"sample_weight": [1] * 59}, "60 rows of values, but 59 of column"),
        ({"sample_weight": [-1] * 60}, "the weight of row 0 is -1.0"),
        ({"sample_weight": [float("nan")] * 60}, "not finite"),
        ({"validation": (ROWS, ["middle"] * 60)}, "label 'middle' of row 0 is none of the classes"),
        ({"validation": (ROWS, KINDS, [1] * 60)}, "rows for validation are inputs and outputs"),
        ({"validation": ({"other": ROWS}, KINDS)}, "rows for validation must be those of: input"),
    ):
        with pytest.raises(ValueError, match=text):
            client.fit(cluster, ROWS, KINDS, **how)
    with pytest.raises(BadRequestException, match=r"'class_weight': the weight of class '0' is -1\.0"):
        client.fit(cluster, ROWS, KINDS, class_weight={"high": -1})
    with pytest.raises(BadRequestException, match="'early_stopping' needs 'validation'"):
        client.fit(cluster, ROWS, KINDS, early_stopping=3)
    assert {dataset.uuid for dataset in client.datasets()} == before


def test_coroutines_fit(server: LocalServer, cluster: Cluster) -> None:
    async def fit() -> str:
        async with AsyncClient(server.address, server.user, server.passphrase) as client:
            weights = np.linspace(0, 1, len(ROWS))
            how = {"validation": (ROWS, KINDS), "class_weight": "balanced", "sample_weight": weights}
            return (await client.fit(cluster, ROWS, KINDS, epochs=2, **how)).state

    assert asyncio.run(fit()) == "finished"


def test_programs_that_meet_share_what_is_created_if_it_is_not_there(server: LocalServer, client: Client) -> None:
    begin, found = threading.Barrier(3), []

    def program() -> None:
        with Client(server.address, server.user, server.passphrase) as own:
            own.login()
            begin.wait(20)
            dataset = own.get_or_create_dataset("shared table", "csv", {"input": b"x,y\n0,1\n1,0\n"})
            cluster = own.get_or_create_cluster("shared cluster")
            found.append((dataset.uuid, dataset.number_of_rows, cluster.uuid))

    programs = [threading.Thread(target=program) for _ in range(3)]
    for one in programs:
        one.start()
    for one in programs:
        one.join(60)
    assert len(found) == 3
    assert len(set(found)) == 1
    assert found[0][1] == 2
    client.train("shared cluster", {"x": "shared table"}, {"y": "shared table"}, epochs=2)
    assert client.predict("shared cluster", [[0.0]]).rows
    client.delete_dataset("shared table")
    client.delete_cluster("shared cluster")
