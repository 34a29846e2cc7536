"""What made a network: its template, and each training with the datasets that it had, whatever is deleted since."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hanami_core.network import in_a_line
from hanami_core.storage.database import atomic
from hanami_plugins.api_v1_0alpha.testing import NativeApp
from hanami_plugins.clusters import add_training
from hanami_plugins.clusters.models import Training
from tests.plugins.test_native_routes import feed, ready, trained, uploaded


@pytest.fixture
def app(tmp_path: Path) -> Iterator[NativeApp]:
    with NativeApp(tmp_path / "data", compute="cpu0") as opened:
        yield opened


@pytest.fixture
def cluster(app: NativeApp) -> str:
    return trained(app)


def train(app: NativeApp, cluster: str, name: str) -> tuple[str, str]:
    """Train once more with a dataset of its own; return the task and the dataset."""
    dataset = uploaded(app)
    fields = {"inputs": [feed(dataset, "in", "a")], "outputs": [feed(dataset, "out", "a")]}
    task = app.call("POST", "task/train", name=name, cluster_uuid=cluster, **fields).json["uuid"]
    ready(app, task)
    return task, dataset


def shown(app: NativeApp, cluster: str, **more: Any) -> dict[str, Any]:
    answer = app.call("GET", "cluster", uuid=cluster, details="true", **more)
    assert answer.status_code == 200, answer.text
    return dict(answer.json)


def save(app: NativeApp, cluster: str) -> dict[str, Any]:
    uuid = app.call("POST", "cluster/save", name="kept", cluster_uuid=cluster).json["uuid"]
    ready(app, uuid)
    return dict(app.call("GET", "checkpoint", uuid=uuid, details="true").json)


def names(answer: dict[str, Any]) -> list[str]:
    return [training["name"] for training in answer["trainings"]]


def test_released_clients_get_what_they_know(app: NativeApp, cluster: str) -> None:
    new = {"template", "version", "stored_at", "number_of_trainings", "trainings"}
    assert not new & set(app.call("GET", "cluster", uuid=cluster).json)
    point = save(app, cluster)
    owned = {"created_at", "name", "owner_id", "project_id", "uuid", "visibility"}
    assert set(app.call("GET", "checkpoint", uuid=point["uuid"]).json) == owned
    assert app.call("GET", "checkpoint/all").json["header"][-1] == "name"


def test_a_cluster_tells_what_made_it(app: NativeApp, cluster: str) -> None:
    task, dataset = train(app, cluster, "again")
    found = shown(app, cluster)
    assert names(found) == ["once", "again"]
    last = found["trainings"][-1]
    assert (last["number"], last["task_uuid"], last["state"]) == (2, task, "finished")
    assert last["datasets"] == [{"uuid": dataset, "name": "numbers"}]
    assert last["rows"] == found["cycles"] - found["trainings"][0]["cycles"] > 0
    assert (last["cycles"], last["version"]) == (found["cycles"], found["version"])
    assert last["settings"]["time_length"] == 1
    assert last["ended_at"].startswith("20")
    assert found["stored_at"].startswith("20")
    assert found["number_of_trainings"] == 2


def test_it_survives_the_task_and_the_dataset(app: NativeApp, cluster: str) -> None:
    task, dataset = train(app, cluster, "again")
    before = shown(app, cluster)["trainings"]
    assert app.call("DELETE", "task", uuid=task, cluster_uuid=cluster).status_code == 200
    assert app.call("DELETE", "dataset", uuid=dataset).status_code == 200
    assert shown(app, cluster)["trainings"] == before


def test_the_template_makes_an_equal_cluster(app: NativeApp, cluster: str) -> None:
    import base64

    text = shown(app, cluster)["template"]
    assert text.startswith("version: 1\n")
    template = app.runtime.parse_template(text)
    assert template == in_a_line(["in"], ["out"])
    encoded = base64.b64encode(text.encode()).decode()
    again = app.call("POST", "cluster", name="again", template=encoded).json["uuid"]
    assert shown(app, again)["template"] == text
    empty = app.call("POST", "cluster", name="empty").json["uuid"]
    assert (shown(app, empty)["template"], shown(app, empty)["trainings"]) == (None, [])


def test_a_checkpoint_tells_where_it_comes_from(app: NativeApp, cluster: str) -> None:
    task, _ = train(app, cluster, "again")
    point, network = save(app, cluster), shown(app, cluster)
    assert point["size"] > 0
    assert (point["cluster_uuid"], point["cluster_name"]) == (cluster, "mine")
    assert (point["task_uuid"], point["task_name"]) == (task, "again")
    assert point["cycles"] == network["cycles"]
    assert point["metrics"] == network["metrics"]
    assert point["trainings"] == network["trainings"]
    listed = app.call("GET", "checkpoint/all", details="true").json
    row = dict(zip(listed["header"], listed["body"][0], strict=True))
    assert (row["size"], row["cluster"], row["task"], row["cycles"], row["metrics"]) == (
        point["size"], "mine", "again", point["cycles"], point["metrics"],
    )  # fmt: skip


def test_a_restored_cluster_goes_on_with_the_lineage_of_the_checkpoint(app: NativeApp, cluster: str) -> None:
    point = save(app, cluster)
    train(app, cluster, "wrong")
    other = app.call("POST", "cluster", name="other").json["uuid"]
    for target in (cluster, other):
        load = {"cluster_uuid": target, "checkpoint_uuid": point["uuid"]}
        ready(app, app.call("POST", "cluster/load", **load).json["uuid"])
        assert names(shown(app, target)) == ["once"]
    train(app, other, "better")
    assert names(shown(app, other)) == ["once", "better"]
    assert names(shown(app, cluster)) == ["once"]


def test_lineage_goes_with_what_it_belongs_to(app: NativeApp, cluster: str) -> None:
    point = save(app, cluster)
    assert {row.holder for row in Training.select()} == {cluster, point["uuid"]}
    app.call("DELETE", "cluster", uuid=cluster)
    assert {row.holder for row in Training.select()} == {point["uuid"]}
    app.call("DELETE", "checkpoint", uuid=point["uuid"])
    assert not Training.select().count()


@pytest.mark.long
def test_a_restore_that_comes_to_nothing_leaves_nothing(app: NativeApp, cluster: str) -> None:
    point = save(app, cluster)
    app.runtime.queue.pause(cluster)
    load = {"cluster_uuid": cluster, "checkpoint_uuid": point["uuid"]}
    task = app.call("POST", "cluster/load", **load).json["uuid"]
    app.call("DELETE", "checkpoint", uuid=point["uuid"])
    assert {row.holder for row in Training.select()} == {cluster, task}
    app.call("DELETE", "task", uuid=task, cluster_uuid=cluster)
    assert {row.holder for row in Training.select()} == {cluster}
    app.runtime.queue.resume(cluster)


def test_long_lineages_are_told_in_parts(app: NativeApp, cluster: str) -> None:
    from hanami_core.queue import Task

    task = Task.get(Task.name == "once")
    with atomic():
        for _ in range(150):
            add_training(app.runtime, task, [("d", "numbers")], {})
    found = shown(app, cluster)
    assert found["number_of_trainings"] == 151
    assert [one["number"] for one in found["trainings"]] == list(range(52, 152))
    assert [one["number"] for one in shown(app, cluster, before=52)["trainings"]] == list(range(1, 52))
