"""Trainings whose rows count more or less, and those that are judged by the rows of another dataset."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hanami_core.errors import BadRequest
from hanami_core.ids import new_uuid
from hanami_core.queue import Task
from hanami_plugins.clusters import Cluster
from hanami_plugins.datasets import Dataset
from hanami_plugins.tasks import gathering
from tests.plugins.test_trainings import CLASSES, EPOCHS, NOISE, ROWS, WIDTH, Trainer, noisy_rows, sorted_rows

TEMPLATE = """version: 1
settings:
    growth: {growth}
hexagons: 1,1,1 2,1,1 3,1,1
inputs: in: 1,1,1
outputs: out: 3,1,1
"""
GROWTHS = ["section", "synapse"]
SEED = 9


@pytest.fixture
def trainer(tmp_path: Path) -> Iterator[Trainer]:
    with Trainer(tmp_path) as opened:
        opened.empty("first")
        try:
            yield opened
        finally:
            opened.close_networks()


@pytest.fixture
def dataset(trainer: Trainer) -> str:
    weights = np.random.default_rng(3).exponential(1.0, (ROWS, 1))
    return trainer.store(**sorted_rows(), w=weights, one=np.ones((ROWS, 1)), wide=np.ones((ROWS, 2)))


def grown(trainer: Trainer, name: str, growth: str) -> str:
    """Create a cluster with a rule set and return its uuid."""
    template = base64.b64encode(TEMPLATE.format(growth=growth).encode()).decode()
    uuid = str(trainer.call("POST", "cluster", name=name, template=template).json["uuid"])
    Cluster.update(seed=SEED).where(Cluster.uuid == uuid).execute()
    return uuid


def digest(trainer: Trainer, growth: str, dataset: str, **fields: Any) -> str:
    """Return the digest of a new network after a training."""
    cluster = grown(trainer, f"reader {Cluster.select().count()}", growth)
    trainer.begin(cluster, dataset, epochs=2, seed=1, **fields)
    assert trainer.run().state == "finished"
    return trainer.state(cluster).digest()


@pytest.mark.parametrize("growth", GROWTHS)
def test_equal_weights_are_none(trainer: Trainer, dataset: str, growth: str) -> None:
    plain = digest(trainer, growth, dataset)
    assert digest(trainer, growth, dataset, sample_weight="one") == plain
    assert digest(trainer, growth, dataset, class_weight={"0": 1, "1": 1.0, "2": 1}) == plain
    assert digest(trainer, growth, dataset, class_weight="balanced") == plain
    assert digest(trainer, growth, dataset, sample_weight="w") != plain
    assert digest(trainer, growth, dataset, class_weight={"1": 2}) != plain


@pytest.mark.parametrize("growth", GROWTHS)
def test_weights_are_relative(trainer: Trainer, dataset: str, growth: str) -> None:
    twice = trainer.store(**sorted_rows(), w=np.full((ROWS, 1), 2.0))
    assert digest(trainer, growth, twice, sample_weight="w") == digest(trainer, growth, dataset)
    scaled = [digest(trainer, growth, dataset, class_weight={"0": n, "1": 2 * n, "2": n}) for n in (1, 4)]
    assert scaled[0] == scaled[1]


@pytest.mark.parametrize("file", [False, True])
@pytest.mark.parametrize("growth", GROWTHS)
def test_an_interrupted_training_ends_bit_identical(
    trainer: Trainer, dataset: str, growth: str, file: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = {"epochs": EPOCHS, "seed": 7, "sample_weight": "w", "class_weight": {"2": 30}}
    clusters = [grown(trainer, f"reader {number}", growth) for number in range(2)]
    trainer.begin(clusters[0], dataset, **fields)
    assert trainer.run().state == "finished"
    if file:
        monkeypatch.setattr(gathering, "IN_MEMORY", 1000)
        monkeypatch.setattr(gathering, "PIECE", 1000)
        monkeypatch.setattr("hanami_plugins.tasks.weighing.PIECE", 300)
    trainer.begin(clusters[1], dataset, **fields)
    cursors = [trainer.run(cut=4).cursor]
    while (task := trainer.run(cut=4 + 2 * len(cursors))).state != "finished":
        cursors.append(task.cursor)
    assert any(0 < cursor < EPOCHS * ROWS - 1 for cursor in cursors)
    assert trainer.state(clusters[0]).digest() == trainer.state(clusters[1]).digest()


def test_rows_of_weight_zero_teach_nothing(trainer: Trainer) -> None:
    """What the others say is learned, although most rows say something else."""
    good = sorted_rows()
    shifted = np.roll(good["y"], 1, axis=1)
    weights = np.repeat([0.0, 5.0], [2 * ROWS, ROWS])[:, None]
    dataset = trainer.store(x=np.tile(good["x"], (3, 1)), y=np.concatenate([shifted, shifted, good["y"]]), w=weights)
    cluster = trainer.empty("reader")
    trainer.begin(cluster, dataset, epochs=10, seed=1, sample_weight="w", validation=trainer.store(**good))
    trainer.run()
    assert last(trainer, "validation_accuracy") > 0.95


def last(trainer: Trainer, measure: str) -> float:
    """Return a measure of the last entry of the newest task that has it."""
    task = Task.select().order_by(Task.created_at.desc()).get()
    entries = trainer.call("GET", "task/metrics", uuid=task.uuid).json["entries"]
    return float([entry["values"][measure] for entry in entries if measure in entry["values"]][-1])


@pytest.mark.parametrize("width", [1, 2])
def test_a_rare_class_is_told_apart_if_classes_are_balanced(trainer: Trainer, width: int) -> None:
    """Of as many rows of each class, more are answered right; a single value is a class, too."""

    def table(share: float, seed: int) -> dict[str, np.ndarray]:
        random = np.random.default_rng(seed)
        kinds = (random.random(3000) < share).astype(int)
        values = random.normal(size=(3000, WIDTH)) + 1.2 * kinds[:, None]
        return {"x": values, "y": np.eye(2)[kinds] if width == 2 else kinds[:, None]}

    rare, even = trainer.store(**table(0.02, 1)), trainer.store(**table(0.5, 2))
    found = []
    for number, fields in enumerate(({}, {"class_weight": "balanced"}, {"class_weight": {"1": 49}})):
        cluster = trainer.empty(f"reader {number}")
        trainer.begin(cluster, rare, epochs=4, seed=1, early_stopping=0, validation=even, **fields)
        trainer.run()
        found.append(last(trainer, "validation_accuracy" if width == 2 else "validation_r2"))
    assert found[1] > found[0] + 0.1
    assert found[2] > found[0] + 0.1


def test_the_loss_of_a_validation_counts_rows_as_the_training_does(trainer: Trainer) -> None:
    """With the only class that counts, the loss is that of its rows."""
    rows = sorted_rows()
    first = {name: values[: ROWS // CLASSES] for name, values in rows.items()}
    dataset, judges = trainer.store(**rows), [trainer.store(**rows), trainer.store(**first)]
    losses = []
    for number, judge in enumerate(judges):
        trainer.begin(
            trainer.empty(f"reader {number}"), dataset, seed=1, validation=judge, class_weight={"1": 0, "2": 0}
        )
        trainer.run()
        losses.append(last(trainer, "validation_loss"))
    assert losses[0] == pytest.approx(losses[1])


REFUSED: list[tuple[dict[str, Any], int, str]] = [
    ({"class_weight": "even"}, 400, "class_weight"),
    ({"class_weight": 2}, 400, "class_weight"),
    ({"class_weight": {"0": "much"}}, 400, "Value-validation failed"),
    ({"class_weight": {"3": 1}}, 400, "output 'out' has no class '3', they are numbered from 0 to 2"),
    ({"class_weight": {"setosa": 1}}, 400, "output 'out' has no class 'setosa'"),
    ({"class_weight": {"01": 1}}, 400, "output 'out' has no class '01'"),
    ({"class_weight": {"1": -0.5}}, 400, "the weight of class '1' is -0.5, it must be 0 or more, and finite"),
    ({"class_weight": {"0": 0, "1": 0, "2": 0}}, 400, "'class_weight' is zero for all classes"),
    ({"sample_weight": "v"}, 404, "v"),
    ({"sample_weight": ""}, 400, "sample_weight"),
    ({"sample_weight": 5}, 400, "sample_weight"),
    ({"sample_weight": "wide"}, 400, "'sample_weight': column 'wide' has 2 values in a row, it must have one"),
    ({"sample_weight": {"dataset_column": "w"}}, 400, "'dataset_uuid' is missing"),
    ({"sample_weight": {"dataset_column": "w", "dataset_uuid": 5}}, 400, "'dataset_uuid' in 'sample_weight'"),
    ({"sample_weight": {"dataset_column": "w", "dataset_uuid": new_uuid()}}, 404, "not found"),
    ({"validation": "few"}, 400, "validation"),
    ({"validation": new_uuid()}, 404, "not found"),
    ({"validation": True}, 400, "validation"),
    ({"early_stopping": 3, "class_weight": "balanced"}, 400, "'early_stopping' needs 'validation'"),
]


@pytest.mark.parametrize(("fields", "status", "message"), REFUSED)
def test_what_is_refused(trainer: Trainer, dataset: str, fields: dict[str, Any], status: int, message: str) -> None:
    cluster = trainer.empty("reader")
    answer = trainer.train(cluster, dataset, **fields)
    assert answer.status_code == status, answer.text
    assert message in answer.text
    assert not Task.select().count()
    assert not Cluster.get(Cluster.uuid == cluster).template


def test_weights_of_another_dataset(trainer: Trainer, dataset: str) -> None:
    other = trainer.store(factor=np.random.default_rng(3).exponential(1.0, (ROWS, 1)))
    column = {"dataset_uuid": other, "dataset_column": "factor"}
    apart = digest(trainer, "section", dataset, sample_weight=column)
    assert apart == digest(trainer, "section", dataset, sample_weight="w")
    few = trainer.store(factor=np.ones((ROWS - 1, 1)))
    answer = trainer.train(trainer.empty("reader"), dataset, sample_weight={**column, "dataset_uuid": few})
    assert "'sample_weight': column 'factor' has 299 rows, the training has 300" in answer.text
    apart_inputs = [{"hexagon_name": "in", "dataset_uuid": trainer.store(**sorted_rows()), "dataset_column": "x"}]
    answer = trainer.train(trainer.empty("other"), dataset, inputs=apart_inputs, sample_weight="w")
    assert "needs 'dataset_uuid' and 'dataset_column'" in answer.text


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.where(np.arange(ROWS) == 17, -1.0, 1.0), {"row": 17, "weight": "-1.0"}),
        (np.where(np.arange(ROWS) == 8, np.nan, 1.0), {"row": 8, "weight": "nan"}),
        (np.zeros(ROWS), {}),
    ],
)
def test_odd_weights_change_nothing(trainer: Trainer, weights: np.ndarray, message: dict[str, Any]) -> None:
    dataset, cluster = trainer.store(**sorted_rows(), w=weights[:, None]), trainer.empty("reader")
    trainer.begin(cluster, dataset, sample_weight="w", shuffle=False)
    with pytest.raises(BadRequest) as raised:
        trainer.run()
    assert raised.value.parameters == message
    assert Cluster.get(Cluster.uuid == cluster).blob is None


def test_classes_need_rows_that_are_classes(trainer: Trainer) -> None:
    rows = sorted_rows()
    rows["y"][5] = 0.5
    cluster = trainer.empty("reader")
    trainer.begin(cluster, trainer.store(**rows), class_weight="balanced")
    with pytest.raises(BadRequest) as raised:
        trainer.run()
    assert (raised.value.code, raised.value.parameters) == ("class_weight_no_class", {"interface": "out", "row": 5})


def test_the_lineage_tells_weights_and_validation(trainer: Trainer, dataset: str) -> None:
    judge = trainer.store(**sorted_rows(), w=np.ones((ROWS, 1)))
    cluster = trainer.empty("reader")
    trainer.begin(cluster, dataset, validation=judge, class_weight={"1": 2}, sample_weight="w")
    trainer.run()
    (training,) = trainer.call("GET", "cluster", uuid=cluster, details="true").json["trainings"]
    told = training["settings"]
    assert (told["validation"], told["class_weight"], told["sample_weight"]) == (judge, '{"1":2.0}', "w")
    assert {one["uuid"] for one in training["datasets"]} == {dataset, judge}


def test_rows_that_one_may_not_see_neither_weigh_nor_judge(trainer: Trainer, dataset: str) -> None:
    member = trainer.member("neighbour")
    mine = trainer.store(**sorted_rows())
    Dataset.update(owner_id="neighbour", project_id="test_project").where(Dataset.uuid == mine).execute()
    cluster = trainer.call("POST", "cluster", name="reader", as_token=member).json["uuid"]
    for fields in ({"validation": dataset}, {"sample_weight": {"dataset_uuid": dataset, "dataset_column": "w"}}):
        answer = trainer.train(cluster, mine, as_token=member, **fields)
        assert (answer.status_code, answer.text) == (404, f"Data-set with uuid '{dataset}' not found")
    assert not Task.select().count()
    assert trainer.train(cluster, mine, as_token=member, validation=mine).status_code == 200


# Validation with another dataset


def test_the_network_is_that_of_the_epoch_that_answers_another_dataset_best(trainer: Trainer) -> None:
    rows = noisy_rows()
    dataset, judge = (trainer.store(**{name: some[part] for name, some in rows.items()}) for part in PARTS)
    fields = {"epochs": 30, "seed": 3, "early_stopping": 4, "validation": judge}
    clusters = [trainer.empty(name) for name in ("reader", "short", "interrupted")]
    uuid = trainer.begin(clusters[0], dataset, **fields)
    assert trainer.run().total_cycles == 30 * TRAINED
    answer = trainer.call("GET", "task", uuid=uuid, cluster_uuid=clusters[0]).json
    assert answer["best_epoch"] < answer["epochs"] == answer["best_epoch"] + 4 < 30
    trainer.begin(clusters[1], dataset, **fields | {"epochs": answer["best_epoch"]})
    trainer.run()
    trainer.begin(clusters[2], dataset, **fields)
    runs = 1
    while trainer.run(cut=7 + runs).state != "finished":
        runs += 1
    assert runs > 1
    digests = {trainer.state(cluster).digest() for cluster in clusters}
    assert len(digests) == 1


TRAINED = 28
PARTS = slice(0, TRAINED), slice(TRAINED, NOISE)


def test_a_dataset_for_validation_has_the_columns_of_the_training(trainer: Trainer, dataset: str) -> None:
    cluster, rows = trainer.empty("reader"), sorted_rows()
    for table, fields, message in (
        ({"x": rows["x"]}, {}, "y"),
        ({"x": rows["x"], "y": rows["y"][:, :2]}, {}, "column 'y' has 2 values"),
        ({**rows, "w": np.ones((ROWS, 2))}, {"sample_weight": "w"}, "column 'w' has 2 values"),
        ({"x": rows["x"][:2], "y": rows["y"][:2]}, {"time_length": 3}, "'time_length' is 3"),
    ):
        answer = trainer.train(cluster, dataset, validation=trainer.store(**table), **fields)
        assert answer.status_code in (400, 404), answer.text
        assert message in answer.text
    assert not Task.select().count()


def test_windows_are_judged_by_windows(trainer: Trainer, dataset: str) -> None:
    cluster = trainer.empty("reader")
    trainer.begin(cluster, dataset, validation=trainer.store(**sorted_rows()), time_length=3, epochs=2)
    assert trainer.run().state == "finished"
    assert 0 <= last(trainer, "validation_accuracy") <= 1
