"""What tests of many calls share: the application that they are made to, the calls, and several of them at once."""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hanami_core import audit
from hanami_core.network import NetworkState
from hanami_core.queue import OPEN, Partition, Task
from hanami_core.storage.blobs import Blob
from hanami_plugins.checkpoints.models import Checkpoint
from hanami_plugins.clusters import Cluster
from hanami_plugins.datasets import Dataset
from hanami_plugins.projects import Project
from hanami_plugins.uploads import Upload
from hanami_plugins.users import Membership, User
from tests.plugins import call_model
from tests.plugins.call_model import NOUNS, Model, Thing
from tests.server.harness import until
from tests.whole import Whole

__all__ = ["THREADS", "Application", "Call", "at_once", "learned", "question", "rows", "training"]

THREADS = 8
SECONDS = 30.0
LATE = 5.0
"""Seconds that files may outlive their rows."""
ROWS: dict[str, Any] = {"cluster": Cluster, "dataset": Dataset, "checkpoint": Checkpoint}


@dataclass(frozen=True)
class Call:
    """A call that is made beside others; `touched` is the thing that it may change."""

    who: str
    method: str
    path: str
    fields: dict[str, Any]
    touched: str = ""


class Application:
    """The application under test. It stays for the next example as long as examples leave nothing behind."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="hanami-calls-"))
        self.app = Whole(self.folder / "data", compute="cpu0")

    def restart(self) -> None:
        """End it, and open it on what it has stored."""
        self.app.close()
        self.app = Whole(self.folder / "data", compute="cpu0")

    def end(self) -> None:
        """End it and remove what it has stored."""
        with contextlib.suppress(AssertionError):
            self.app.close()
        shutil.rmtree(self.folder)

    def settle(self) -> None:
        """Wait until no task can go on: only those of clusters in direct mode are left."""
        unfinished = Task.select().where(Task.state.in_(OPEN))
        paused = Task.select().join(Partition, on=(Task.partition == Partition.key))
        paused = paused.where(Partition.paused & Partition.head.is_null() & (Task.state == "queued"))
        until(lambda: unfinished.count() == paused.count(), SECONDS, "tasks do not end")

    def require_agreement(self) -> None:
        """Fail where rows, counts, files and the queue do not agree."""
        with contextlib.suppress(TimeoutError):
            until(lambda: not self._disagreements(), LATE)
        assert self._disagreements() == []

    def require_nothing(self) -> None:
        """Fail if there are rows or files of anything that a user may have."""
        with contextlib.suppress(TimeoutError):
            until(lambda: not self._left(), LATE)
        assert self._left() == []

    def _disagreements(self) -> list[object]:
        runtime = self.app.runtime
        counts: list[object] = [*audit.disagreements(runtime, audit.holders(runtime))]
        findings = (finding for check in runtime.plugins.checks(runtime) for finding in check.item.run())
        return [*counts, *runtime.queue.disagreements(), *runtime.blobs.orphans(), *findings]

    def _left(self) -> list[str]:
        names = [model.__name__ for model in (Blob, Partition, Upload, Membership) if model.select().exists()]
        places = (self.folder / "data" / name for name in ("blobs", "staging", "uploads"))
        return [*names, *(str(file) for place in places for file in place.rglob("*") if file.is_file())]

    def cycles_of(self, checkpoint: Any) -> int:
        """Return how many cycles the network of a checkpoint has seen, which shows that it can be read."""
        with self.app.runtime.blobs.open(checkpoint.blob) as path, path.open("rb") as file:
            return NetworkState.read(file).head.cycles


def at_once(calls: list[Callable[[], Any]]) -> list[Any]:
    """Make calls in threads of their own, and return their results in the order of the calls."""
    with ThreadPoolExecutor(THREADS) as threads:
        return list(threads.map(lambda call: call(), calls))


def training(cluster: str, dataset: str) -> dict[str, Any]:
    """Return the fields of a training with both columns of a dataset."""
    inputs, outputs = ([{"dataset_uuid": dataset, "dataset_column": c, "hexagon_name": c}] for c in ("a", "b"))
    return {"name": "training", "cluster_uuid": cluster, "inputs": inputs, "outputs": outputs}


def question(cluster: str, dataset: str) -> dict[str, Any]:
    """Return the fields of a question with a column of a dataset."""
    inputs = [{"dataset_uuid": dataset, "dataset_column": "a", "hexagon_name": "a"}]
    results = [{"dataset_column": "answer", "hexagon_name": "b"}]
    return {"name": "question", "cluster_uuid": cluster, "inputs": inputs, "results": results}


# -- what is there ----------------------------------------------------------------------------------------------------


def rows(noun: str) -> dict[str, Any]:
    """Return the rows of a kind by uuid."""
    return {str(row.uuid): row for row in ROWS[noun].active()}


def learned(on: Application, tokens: dict[str, str]) -> Model:
    """Return a model of what the application holds; nobody works with it meanwhile."""
    model = Model(projects={str(project.id) for project in Project.active()})
    places = {str(row.user_id): row for row in Membership.select()}
    for name, user in model.users.items():
        user.exists, user.token = User.active().where(User.id == name).exists(), tokens[name]
        if name in places:
            user.project, user.leads = str(places[name].project_id), bool(places[name].is_project_admin)
    model.things = {uuid: _thing(on, noun, row) for noun in NOUNS for uuid, row in rows(noun).items()}
    for row in Task.active().where(Task.kind.in_(("train", "request"))):
        if str(row.partition) in model.things:
            model.tasks[str(row.uuid)] = call_model.Task(str(row.partition), str(row.owner_id), row.state in OPEN)
    return model


def _thing(on: Application, noun: str, row: Any) -> Thing:
    thing = Thing(noun, str(row.owner_id), str(row.project_id), str(row.visibility))
    if noun == "dataset":
        thing.columns = tuple(json.loads(row.columns))
    elif noun == "checkpoint":
        thing.cycles = on.cycles_of(row)
    else:
        waits = Task.select().where((Task.partition == row.uuid) & Task.state.in_(OPEN)).exists()
        thing.direct, thing.trained = row.mode == "DIRECT", row.blob is not None
        thing.cycles = None if waits else int(row.cycles)
    return thing
