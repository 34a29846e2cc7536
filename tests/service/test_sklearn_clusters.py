"""Where the clusters of estimators of scikit-learn live, and how long; and what estimators learn bit by bit."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris

from hanami_sdk import Client, NotFoundException
from hanami_sdk._leftovers import temporary_name
from hanami_sdk.sklearn import HanamiClassifier, HanamiRegressor, _shared_client
from hanami_server.local import LocalServer
from tests.lengths import seldom

X, Y = load_iris(return_X_y=True)
FIT = """
import pickle, sys, threading
from sklearn.datasets import load_iris
from hanami_sdk import _leftovers, Client
from hanami_sdk.sklearn import HanamiClassifier
estimator = HanamiClassifier(epochs=1, cluster_name={name!r}).fit(*load_iris(return_X_y=True))
lent = Client.from_environment().upload_csv(_leftovers.temporary_name(), b"a\\n1\\n", lease=3600) if {dataset} else None
if {file!r}:
    open({file!r}, "wb").write(pickle.dumps(estimator))
print(estimator.cluster_, flush=True)
if {wait}:
    threading.Event().wait()
"""
"""What another process does."""
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture(autouse=True)
def login(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What an estimator without an address takes; the shared login of one test must not be that of the next."""
    monkeypatch.setenv("HANAMI_ADDRESS", server.address)
    monkeypatch.setenv("HANAMI_USER", server.user)
    monkeypatch.setenv("HANAMI_PASSPHRASE", server.passphrase)
    _shared_client.cache_clear()
    yield
    _shared_client.cache_clear()


@pytest.fixture
def start() -> Iterator[Start]:
    """Start processes that fit an estimator."""
    running = []

    def begin(name: str | None = None, file: str = "", wait: bool = True, dataset: bool = False) -> Any:
        script = FIT.format(name=name, file=file, wait=wait, dataset=dataset)
        running.append(subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True))
        return running[-1]

    yield begin
    for process in running:
        process.kill()
        process.communicate()


def fitted(process: subprocess.Popen[str]) -> str:
    """Wait for the cluster of a process."""
    assert process.stdout is not None
    cluster = process.stdout.readline().strip()
    assert cluster
    return cluster


def things(client: Client) -> tuple[set[str], set[str]]:
    return {row.uuid for row in client.clusters()}, {row.uuid for row in client.datasets()}


@pytest.mark.long
def test_a_copy_says_that_its_cluster_went_with_a_process(client: Client, start: Start, tmp_path: Path) -> None:
    before = things(client)
    process = start(file=str(tmp_path / "estimator"), wait=False)
    cluster = fitted(process)
    assert process.wait() == 0
    assert things(client) == before
    copy = pickle.loads((tmp_path / "estimator").read_bytes())
    calls = [
        lambda: copy.predict(X),
        lambda: copy.predict(np.repeat(X, 4, axis=0)),  # so many that it would be a task
        lambda: copy.score(X, Y),
        lambda: copy.partial_fit(X, Y),
    ]
    for call in calls:
        with pytest.raises(NotFoundException, match=rf"^the cluster {cluster} .* its process has ended.*keep=True"):
            call()
    assert things(client) == before
    assert copy.set_params(epochs=10, random_state=0).fit(X, Y).score(X, Y) > 0.8
    copy.close()


@pytest.mark.long
@pytest.mark.parametrize("wait", [True, False])
def test_a_process_that_ends_takes_its_cluster_with_it(client: Client, start: Start, wait: bool) -> None:
    before = things(client)
    process = start(wait=wait)
    fitted(process)
    if wait:
        assert things(client) != before
        process.terminate()
    assert process.wait() == (128 + signal.SIGTERM if wait else 0)
    assert things(client) == before


def test_what_a_killed_process_leaves_goes_with_the_next_fit(client: Client, start: Start) -> None:
    before = things(client)
    killed, named, alive = start(dataset=True), start(name="of a dead process"), start(dataset=True)
    _, _, kept = (fitted(process) for process in (killed, named, alive))
    mine = client.upload_csv(temporary_name(), b"a\n1\n")
    for process in killed, named:
        process.kill()
        process.wait()
    assert len(things(client)[0] - before[0]) == 3
    with HanamiClassifier(epochs=1).fit(X, Y) as estimator:
        clusters, datasets = things(client)
        assert clusters - before[0] == {estimator.cluster_, kept}
        assert mine.uuid in datasets
        assert len(datasets - before[1]) == 2
    client.delete_dataset(mine)
    alive.terminate()
    alive.wait()


def test_a_forked_process_asks_and_deletes_nothing(client: Client) -> None:
    estimator = HanamiClassifier(client=client, epochs=3, random_state=0).fit(X, Y)
    expected = estimator.predict(X)

    def ask(answers: Any) -> None:
        nonlocal estimator
        answers.put(estimator.predict(X).tolist())
        del estimator

    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    workers = [context.Process(target=ask, args=(queue,)) for _ in range(2)]
    for worker in workers:
        worker.start()
    answers = [queue.get() for _ in workers]
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    assert answers == [expected.tolist()] * 2
    if not (child := os.fork()):
        estimator.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert (estimator.predict(X) == expected).all()


@pytest.mark.long
@pytest.mark.parametrize(
    ("scale", "format"), [("shift", "mnist"), seldom("shift", "csv"), seldom("split", "mnist"), ("split", "csv")]
)
def test_partial_fit_learns_beyond_the_range_of_the_first_rows(client: Client, scale: str, format: str) -> None:
    random = np.random.default_rng(0)
    first, later, test = (random.uniform(0, high, (400, 3)) for high in (1, 10, 10))
    estimator = HanamiClassifier(client=client, scale=scale, format=format, random_state=0)
    estimator.partial_fit(first, first[:, 0] > 0.5, classes=[False, True])
    later[17] = 1e9  # one broken row ruins nothing
    for _ in range(10):
        estimator.partial_fit(later, later[:, 0] > 5)
    assert estimator.score(test, test[:, 0] > 5) >= 0.95


@pytest.mark.long
def test_partial_fit_with_a_broken_row_keeps_its_scale(client: Client) -> None:
    rows = np.linspace(0, 10, 41).reshape(-1, 1)
    estimator = HanamiRegressor(client=client, random_state=0).partial_fit(rows[:17], rows[:17, 0])
    estimator.partial_fit([[1e9]], [1e9])
    assert estimator.target_scale_.high == pytest.approx(4)
    for _ in range(6):
        estimator.partial_fit(rows.repeat(15, axis=0), rows.repeat(15))
    assert estimator.target_scale_.high == pytest.approx(10)
    assert estimator.score(rows, rows[:, 0]) > 0.9


@pytest.mark.parametrize("format", ["mnist", "csv"])
def test_several_targets(client: Client, format: str) -> None:
    random = np.random.default_rng(0)
    rows = random.uniform(-1, 1, (400, 2))
    targets = np.stack([rows[:, 0] * 100, rows[:, 1] - 7, rows.sum(axis=1)], axis=1)
    with HanamiRegressor(client=client, format=format, epochs=40, random_state=0).fit(rows, targets) as estimator:
        assert estimator.predict(rows).shape == (400, 3)
        assert estimator.predict(rows[:1]).shape == (1, 3)
        assert estimator.score(rows, targets) > 0.9
        estimator.partial_fit(rows, targets)
        with pytest.raises(ValueError, match="y has 2 targets, but there were 3"):
            estimator.partial_fit(rows, targets[:, :2])


def test_several_labels_are_refused(client: Client) -> None:
    before = things(client)
    labels = np.stack([Y == 0, Y == 1], axis=1).astype(int)
    with pytest.raises(ValueError, match="y should be a 1d array"):
        HanamiClassifier(client=client).fit(X, labels)
    with pytest.raises(ValueError, match="y should be a 1d array"):
        HanamiClassifier(client=client).partial_fit(X, labels, classes=[0, 1])
    assert things(client) == before
