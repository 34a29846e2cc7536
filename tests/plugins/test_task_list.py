"""What tasks tell of themselves, oldest first: what they are, which datasets they read, why they failed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hanami_core.compute import HostDescription
from hanami_core.compute.descriptions import Describer
from hanami_core.errors import BadRequest
from hanami_core.queue import Task
from hanami_core.queue.models import fault_of
from hanami_plugins.api_v1_0alpha.testing import NativeApp
from tests.plugins.test_native_routes import feed, ready, trained, uploaded


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NativeApp]:
    with NativeApp(Path(tmp_path_factory.mktemp("app")) / "data", compute="cpu0") as opened:
        yield opened


@pytest.fixture(scope="module")
def cluster(app: NativeApp) -> str:
    """Return a cluster with a training, a request and a save."""
    uuid, dataset = trained(app), uploaded(app)
    wanted = [{"hexagon_name": "out", "dataset_column": "answer"}]
    asked = {"inputs": [feed(dataset, "in", "a")], "results": wanted}
    ready(app, app.call("POST", "task/request", name="asked", cluster_uuid=uuid, **asked).json["uuid"])
    assert app.call("DELETE", "dataset", uuid=dataset).status_code == 200
    ready(app, app.call("POST", "cluster/save", name="kept", cluster_uuid=uuid).json["uuid"])
    return uuid


def rows(app: NativeApp, cluster: str, **more: Any) -> list[dict[str, Any]]:
    answer = app.call("GET", "task/all", cluster_uuid=cluster, **more).json
    return [dict(zip(answer["header"], row, strict=True)) for row in answer["body"]]


def test_the_oldest_comes_first_with_or_without_pages(app: NativeApp, cluster: str) -> None:
    expected = [task.uuid for task in Task.active().where(Task.partition == cluster)]
    assert len(expected) == 3
    assert [row["uuid"] for row in rows(app, cluster)] == expected
    assert [row["uuid"] for row in rows(app, cluster, limit=10)] == expected


def test_released_clients_get_the_columns_that_they_know(app: NativeApp, cluster: str) -> None:
    assert {tuple(row) for row in rows(app, cluster)} == {("uuid", "state", "percentage", "queued", "start", "end")}


def test_details_tell_what_a_task_is(app: NativeApp, cluster: str) -> None:
    told = [(row["name"], row["kind"], row["dataset"], row["error"]) for row in rows(app, cluster, details="true")]
    assert told == [("once", "train", "numbers", ""), ("asked", "request", "numbers", ""), ("kept", "save", "", "")]


def test_details_tell_why_a_task_failed(app: NativeApp, cluster: str) -> None:
    cause = BadRequest("expected_value_out_of_range", interface="out", cycle=7)
    of_first = Task.partition == cluster, Task.kind == "train"
    Task.update(error=str(cause), fault=fault_of(cause)).where(*of_first).execute()
    found = rows(app, cluster, details="true")[0]
    Task.update(error="", fault="").where(*of_first).execute()
    assert found["error"] == "output 'out' has a value that is not between 0 and 1 in cycle 7"


class Preparing:
    """A host that says what networks wait for."""

    name, kind = "cpu0", "cpu"

    def __init__(self, awaited: dict[str, str]) -> None:
        self._awaited = awaited

    def describe(self) -> HostDescription:
        return HostDescription("cpu0", "cpu", "", 1, 1, 1, preparing="kernels", awaited=self._awaited)


@pytest.mark.parametrize(
    ("growth", "state", "cycle", "waiting"),
    [
        ("section", "active", 0, "it waits for host 'cpu0', which compiles its kernels, for 7 seconds by now"),
        ("synapse", "active", 0, ""),
        ("section", "active", 1, ""),
        ("section", "queued", 0, ""),
    ],
)
def test_a_task_that_has_begun_tells_what_its_host_prepares_for_it(
    app: NativeApp, cluster: str, growth: str, state: str, cycle: int, waiting: str
) -> None:
    first = Task.active().where((Task.partition == cluster) & (Task.kind == "train")).get()
    before = {"state": first.state, "current_cycle": first.current_cycle}
    Task.update(state=state, current_cycle=cycle).where(Task.uuid == first.uuid).execute()
    told = Describer(app.runtime.settings.data_dir, Preparing({growth: "compiles its kernels, for 7 seconds by now"}))
    try:
        assert told.wait()
        assert rows(app, cluster, details="true")[0]["waiting"] == waiting
        answer = app.call("GET", "task", uuid=first.uuid, cluster_uuid=cluster).json
        assert answer.get("waiting", "") == waiting
    finally:
        told.stop()
        Task.update(**before).where(Task.uuid == first.uuid).execute()


def test_one_task_tells_its_datasets_by_the_names_that_they_had(app: NativeApp, cluster: str) -> None:
    uuids = [row["uuid"] for row in rows(app, cluster)]
    plain, *detailed = (
        app.call("GET", "task", uuid=uuids[1], cluster_uuid=cluster, **more).json for more in ({}, {"details": "true"})
    )
    assert "kind" not in plain
    assert "datasets" not in plain
    assert detailed[0]["kind"] == "request"
    assert [one["name"] for one in detailed[0]["datasets"]] == ["numbers"]
    saved = app.call("GET", "task", uuid=uuids[2], cluster_uuid=cluster, details="true").json
    assert (saved["kind"], saved["datasets"]) == ("save", [])
