"""Trainings of several epochs, with a sidecar that works when a test says so."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from hanami_core.network import NetworkState
from hanami_core.queue import Job, Task
from hanami_core.storage.blobs import Blob
from hanami_plugins.clusters import LIVE, Cluster, live, read_state, template_of
from hanami_plugins.datasets import Dataset
from hanami_plugins.tasks import gathering, kinds
from hanami_plugins.tasks.models import BestEpoch
from tests.plugins.data import stored
from tests.plugins.test_checkpoints import Site

ROWS, CLASSES, WIDTH = 300, 3, 4
EPOCHS = 4


class Trainer(Site):
    """A site with a table whose rows are sorted by class, and trainings with it."""

    def store(self, **columns: np.ndarray) -> str:
        """Store a table and return its uuid."""
        return stored(self.runtime, **columns)

    def empty(self, name: str) -> str:
        """Create a cluster without a network and return its uuid."""
        return str(self.call("POST", "cluster", name=name).json["uuid"])

    def begin(self, cluster: str, dataset: str, **fields: Any) -> str:
        """Queue a training and return its uuid."""
        answer = self.train(cluster, dataset, **fields)
        assert answer.status_code == 200, answer.text
        return str(answer.json["uuid"])

    def train(self, cluster: str, dataset: str, **fields: Any) -> Any:
        """Queue a training and return the answer."""
        inputs = [{"hexagon_name": "in", "dataset_uuid": dataset, "dataset_column": "x"}]
        outputs = [{"hexagon_name": "out", "dataset_uuid": dataset, "dataset_column": "y"}]
        body = {"name": "lesson", "cluster_uuid": cluster, "inputs": inputs, "outputs": outputs}
        return self.call("POST", "task/train", **body | fields)

    def run(self, cut: int | None = None) -> Task:
        """Do the next task, or as much of it as a process does that ends after so many steps."""
        task = self.runtime.queue.claim("cpu0", "cpu0/here")
        assert task is not None
        job = Job(self.runtime, task)
        if cut is not None:
            _cut_off(job, cut)
        self.runtime.kinds[task.kind].run(job)
        if cut is not None:
            self.runtime.queue.hand_back(task)
            self.runtime.stash[LIVE].evict_idle(-1.0)
        return Task.get(Task.uuid == task.uuid)

    def close_networks(self) -> None:
        """Take all networks out of the memory."""
        self.runtime.stash[LIVE].close()

    def state(self, cluster: str) -> NetworkState:
        """Return the stored network of a cluster."""
        row = Cluster.get(Cluster.uuid == cluster)
        return read_state(self.runtime, row, template_of(row))


def _cut_off(job: Job, steps: int) -> None:
    step, left = job.step, iter(range(steps))

    def stops(cycle: int) -> bool:
        if next(left, None) is None:
            job.stop.set()
        return step(cycle)

    job.step = stops  # type: ignore[method-assign]


def sorted_rows() -> dict[str, np.ndarray]:
    """Return rows of which the first third is of the first class, and so on."""
    random = np.random.default_rng(1)
    classes = np.arange(ROWS) * CLASSES // ROWS
    places = random.normal(size=(ROWS, WIDTH)) + 4 * np.eye(CLASSES, WIDTH)[classes]
    return {"x": places, "y": np.eye(CLASSES)[classes]}


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
    return trainer.store(**sorted_rows())


def test_all_epochs_are_one_task_with_one_progress(trainer: Trainer, dataset: str) -> None:
    cluster = trainer.empty("reader")
    uuid = trainer.begin(cluster, dataset, epochs=EPOCHS, seed=1)
    task = trainer.run()
    assert (task.uuid, task.state, task.current_cycle, task.total_cycles) == (
        uuid,
        "finished",
        EPOCHS * ROWS,
        EPOCHS * ROWS,
    )
    assert trainer.state(cluster).head.cycles == EPOCHS * ROWS


@pytest.mark.parametrize("file", [False, True])
@pytest.mark.parametrize("fields", [{"seed": 7}, {"time_length": 3, "seed": 7}, {"seed": 7, "shuffle": False}])
def test_an_interrupted_training_ends_bit_identical(
    trainer: Trainer, dataset: str, fields: dict[str, Any], file: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    clusters = [trainer.empty(f"reader {number}") for number in range(2)]
    trainer.begin(clusters[0], dataset, epochs=EPOCHS, **fields)
    assert trainer.run().state == "finished"
    if file:
        monkeypatch.setattr(gathering, "IN_MEMORY", 1000)
        monkeypatch.setattr(gathering, "PIECE", 1000)
    trainer.begin(clusters[1], dataset, epochs=EPOCHS, **fields)
    cursors = [trainer.run(cut=4).cursor]
    while (task := trainer.run(cut=4 + 2 * len(cursors))).state != "finished":
        cursors.append(task.cursor)
    assert any(0 < cursor < EPOCHS * ROWS - 1 for cursor in cursors)
    assert trainer.state(clusters[0]).digest() == trainer.state(clusters[1]).digest()


def test_equal_seeds_give_equal_networks_and_others_do_not(trainer: Trainer, dataset: str) -> None:
    digests = []
    for number, seed in enumerate((1, 1, 2)):
        cluster = trainer.empty(f"reader {number}")
        trainer.begin(cluster, dataset, epochs=2, seed=seed)
        trainer.run()
        digests.append(trainer.state(cluster).digest())
    assert digests[0] == digests[1] != digests[2]


def test_a_seed_leaves_a_network_that_has_learned_its_weights(trainer: Trainer, dataset: str) -> None:
    cluster = trainer.empty("reader")
    trainer.begin(cluster, dataset)
    trainer.run()
    seed = trainer.state(cluster).head.seed
    trainer.begin(cluster, dataset, seed=5)
    trainer.run()
    assert trainer.state(cluster).head.seed == seed != 5


def test_a_body_with_the_released_fields_takes_rows_as_they_come(trainer: Trainer, dataset: str) -> None:
    """The network is that of a training that asks for exactly this."""
    digests = []
    for number, fields in enumerate(({}, {"shuffle": False}, {"shuffle": True})):
        cluster = trainer.empty(f"reader {number}")
        Cluster.update(seed=9).where(Cluster.uuid == cluster).execute()
        trainer.begin(cluster, dataset, **fields)
        trainer.run()
        digests.append(trainer.state(cluster).digest())
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"epochs": 0}, "epochs"),
        ({"epochs": 1_000_001}, "epochs"),
        ({"epochs": "many"}, "epochs"),
        ({"seed": -1}, "seed"),
        ({"shuffle": 1}, "shuffle"),
        ({"early_stopping": 3}, "'early_stopping' needs 'validation'"),
        ({"validation": 1.0}, "validation"),
        ({"validation": 0.0}, "validation"),
        ({"validation": 0.999}, "leaves none of 300 rows"),
    ],
)
def test_what_is_refused(trainer: Trainer, dataset: str, fields: dict[str, Any], message: str) -> None:
    cluster = trainer.empty("reader")
    answer = trainer.train(cluster, dataset, **fields)
    assert answer.status_code == 400
    assert message in answer.text
    assert not Task.select().count()


def test_more_cycles_than_can_be_counted_are_refused(
    trainer: Trainer, dataset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hanami_plugins.tasks.planning.MOST_CYCLES", 1000)
    answer = trainer.train(trainer.empty("reader"), dataset, epochs=4)
    assert answer.status_code == 400
    assert "'epochs' is 4; with 300 rows that is more than 1000 cycles" in answer.text
    assert Dataset.select().count() == 1


@pytest.mark.parametrize("fields", [{}, {"epochs": 3, "validation": 0.2}])
def test_a_training_tells_how_many_rows_are_broken(trainer: Trainer, fields: dict[str, Any]) -> None:
    broken, clean = sorted_rows(), trainer.store(**sorted_rows())
    broken["x"][[4, 150, 299], 2] = [1e9, -1e7, 1e30]
    told = []
    for number, dataset in enumerate((clean, trainer.store(**broken))):
        cluster = trainer.empty(f"reader {number}")
        uuid = trainer.begin(cluster, dataset, seed=1, **fields)
        trainer.run()
        answer = trainer.call("GET", "task", uuid=uuid, cluster_uuid=cluster).json
        values = trainer.call("GET", "task/metrics", uuid=uuid).json["entries"][-1]["values"]
        assert answer.get("outlier_rows") == values.get("outlier_rows")
        told.append(answer.get("outlier_rows"))
    assert told[0] is None
    assert 1 <= told[1] <= 3 if fields else told[1] == 3


NOISE = 40
VALIDATED = {"epochs": 30, "seed": 3, "validation": 0.3, "early_stopping": 4}


def noisy_rows() -> dict[str, np.ndarray]:
    """Return few rows of noise, which a network learns by heart."""
    random = np.random.default_rng(2)
    return {"x": random.normal(size=(NOISE, WIDTH)), "y": np.eye(CLASSES)[random.integers(0, CLASSES, NOISE)]}


def test_the_network_is_that_of_the_best_epoch(trainer: Trainer) -> None:
    dataset, cluster = trainer.store(**noisy_rows()), trainer.empty("reader")
    uuid = trainer.begin(cluster, dataset, **VALIDATED)
    task = trainer.run()
    assert (task.state, task.current_cycle, task.total_cycles) == ("finished", 30 * 28, 30 * 28)
    best = BestEpoch.get(BestEpoch.task == uuid)
    assert best.epoch < best.epochs == best.epoch + 4 < 30
    assert trainer.state(cluster).head.cycles == best.epoch * 28
    (told,) = trainer.call("GET", "cluster", uuid=cluster, details="true").json["trainings"]
    assert told["rows"] == told["cycles"] == best.epoch * 28
    short = trainer.empty("as long as it was good")
    trainer.begin(short, dataset, **VALIDATED | {"epochs": best.epoch})
    trainer.run()
    assert trainer.state(short).digest() == trainer.state(cluster).digest()
    answer = trainer.call("GET", "task", uuid=uuid, cluster_uuid=cluster).json
    assert (answer["epochs"], answer["best_epoch"]) == (best.epochs, best.epoch)
    entries = trainer.call("GET", "task/metrics", uuid=uuid).json["entries"]
    losses = [entry["values"]["validation_loss"] for entry in entries if "validation_loss" in entry["values"]]
    assert len(losses) == best.epochs
    assert losses.index(min(losses)) == best.epoch - 1


def test_nothing_is_left_of_the_best_epoch(trainer: Trainer) -> None:
    dataset = trainer.store(**noisy_rows())
    clusters = [trainer.empty(name) for name in ("finished", "aborted")]
    trainer.begin(clusters[0], dataset, **VALIDATED)
    trainer.run()
    aborted = trainer.begin(clusters[1], dataset, **VALIDATED | {"early_stopping": 0})
    trainer.run(cut=60)
    assert BestEpoch.active().count() == 1
    trainer.call("DELETE", "task", uuid=aborted, cluster_uuid=clusters[1])
    assert BestEpoch.active().count() == 0
    blobs = {row.blob for row in Cluster.select() if row.blob} | {row.blob for row in Dataset.select()}
    assert {(blob.uuid, blob.references) for blob in Blob.select()} == {(blob, 1) for blob in blobs}


def test_whoever_goes_on_knows_the_best_epoch(trainer: Trainer) -> None:
    dataset = trainer.store(**noisy_rows())
    clusters = [trainer.empty(f"reader {number}") for number in range(2)]
    first = trainer.begin(clusters[0], dataset, **VALIDATED)
    trainer.run()
    second = trainer.begin(clusters[1], dataset, **VALIDATED)
    runs = 1
    while trainer.run(cut=7 + runs).state != "finished":
        runs += 1
    assert runs > 1
    ends = [BestEpoch.get(BestEpoch.task == uuid) for uuid in (first, second)]
    assert (ends[0].epoch, ends[0].epochs, ends[0].loss) == (ends[1].epoch, ends[1].epochs, ends[1].loss)
    assert trainer.state(clusters[0]).digest() == trainer.state(clusters[1]).digest()


def test_a_training_may_be_cut_off_wherever_it_is(trainer: Trainer) -> None:
    """Also in the validation of its last epoch, whose network is the best one."""
    dataset = trainer.store(**sorted_rows())
    fields = {"epochs": 2, "seed": 3, "validation": 0.3, "class_weight": "balanced"}
    digests = []
    for cut in range(16):
        cluster = trainer.empty(f"reader {cut}")
        uuid = trainer.begin(cluster, dataset, **fields)
        # The first one is not cut off.
        if cut and trainer.run(cut=cut).state != "finished":
            assert trainer.run().state == "finished"
        elif not cut:
            trainer.run()
        best = BestEpoch.get(BestEpoch.task == uuid)
        digests.append((trainer.state(cluster).digest(), best.epoch, best.epochs))
    assert len(set(digests)) == 1
    assert digests[0][1] == 2


def test_a_network_that_takes_long_to_store_is_stored_less_often(
    trainer: Trainer, dataset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = itertools.count()
    clock = SimpleNamespace(monotonic=lambda: float(next(seconds)), time=time.time)  # nothing takes less than a second
    monkeypatch.setattr(kinds, "time", clock)
    monkeypatch.setattr(live, "time", clock)
    versions = list[int]()
    for rest in (0.0, 50.0):
        monkeypatch.setattr(live, "REST", rest)
        cluster = trainer.empty(f"rests {rest}")
        trainer.begin(cluster, dataset, epochs=40)
        assert trainer.run().state == "finished"
        versions.append(Cluster.get(Cluster.uuid == cluster).version)
    assert versions[0] > 2 * versions[1] > 2
