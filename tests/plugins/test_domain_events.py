"""What a server tells observers of: each after the commit, none of what was rolled back, whoever observes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from hanami_core import hookimpl
from hanami_core.access import Actor
from hanami_core.datasets import TableWriter
from hanami_core.events import (
    CallAllowed,
    ClusterCreated,
    ClusterDeleted,
    DatasetReady,
    Event,
    LoginFailed,
    LoginSucceeded,
    PluginBroken,
    TaskEnded,
    UserDeleted,
)
from hanami_core.ids import new_uuid
from hanami_core.plugin_host import EntryPoint, PluginState
from hanami_core.queue import Task
from hanami_core.storage.database import atomic
from hanami_plugins.clusters import Cluster
from hanami_plugins.clusters.service import Nothing
from hanami_plugins.datasets import add_result, seal_result
from tests.whole import Whole

ACTOR = Actor("somebody", "Somebody", "project", "member")


class Observer:
    """Keeps what it is told, with what the database holds of tasks and clusters at that moment."""

    def __init__(self) -> None:
        self.seen: list[Event] = []
        self.module = ModuleType("observer")
        vars(self.module)["hanami_event"] = hookimpl(self._observe, specname="hanami_event")

    def _observe(self, event: Event) -> None:
        self.seen.append(event)

    def of(self, *kinds: type[Event]) -> list[Any]:
        return [event for event in self.seen if isinstance(event, kinds)]


def fail(event: Event) -> None:
    raise ValueError("this observer is broken")


@pytest.fixture
def observer() -> Observer:
    return Observer()


@pytest.fixture
def whole(tmp_path: Path, observer: Observer) -> Iterator[Whole]:
    """An application with an observer, and before it one that always fails."""
    broken = ModuleType("broken")
    vars(broken)["hanami_event"] = hookimpl(fail, specname="hanami_event")
    points = [EntryPoint("broken", "a", "0", lambda: broken), EntryPoint("seer", "b", "0", lambda: observer.module)]
    with Whole(tmp_path, *points) as opened:
        observer.seen.clear()
        yield opened


def test_clusters_come_and_go(whole: Whole, observer: Observer) -> None:
    uuid = whole.call("POST", "cluster", name="cluster").json["uuid"]
    assert whole.call("DELETE", "cluster", uuid=uuid).status_code == 200
    created, deleted = observer.of(ClusterCreated, ClusterDeleted)
    assert (created.uuid, created.owner_id, created.actor.user_id) == (uuid, "asdf", "asdf")
    assert isinstance(deleted, ClusterDeleted)
    assert (deleted.name, deleted.uuid) == ("cluster.deleted", uuid)


def test_a_refused_call_tells_nothing(whole: Whole, observer: Observer) -> None:
    whole.call("POST", "cluster", name="cluster")
    assert whole.call("POST", "cluster", name="cluster").status_code == 409
    assert len(observer.of(ClusterCreated)) == 1


def test_what_is_rolled_back_is_not_told(whole: Whole, observer: Observer) -> None:
    with pytest.raises(ZeroDivisionError), atomic():
        whole.runtime.emit(UserDeleted(actor=None, user_id="tsugumi"))
        raise ZeroDivisionError
    assert observer.of(UserDeleted) == []
    with atomic():
        whole.runtime.emit(UserDeleted(actor=None, user_id="tsugumi"))
        assert observer.of(UserDeleted) == []
    assert [event.user_id for event in observer.of(UserDeleted)] == ["tsugumi"]


def test_a_task_ends_once_for_those_who_observe(whole: Whole, observer: Observer) -> None:
    uuid = whole.call("POST", "cluster", name="cluster").json["uuid"]
    with atomic():
        first = whole.runtime.queue.enqueue("train", uuid, ACTOR, "first", Nothing(), 1)
        second = whole.runtime.queue.enqueue("train", uuid, ACTOR, "second", Nothing(), 1)
    host = Cluster.get(Cluster.uuid == uuid).host
    task = whole.runtime.queue.claim(host, f"{host}/1")
    assert task is not None
    whole.runtime.queue.fail(task, "the data is wrong")
    whole.runtime.queue.fail(task, "once more")
    with atomic():
        whole.runtime.queue.abort(uuid, [second.uuid])
    ends = [(e.uuid, e.kind, e.partition, e.state, e.error, e.owner_id) for e in observer.of(TaskEnded)]
    assert ends == [
        (first.uuid, "train", uuid, "failed", "the data is wrong", "somebody"),
        (second.uuid, "train", uuid, "aborted", "", "somebody"),
    ]
    assert {row.state for row in Task.select()} == {"failed", "aborted"}


def test_a_result_is_a_dataset_that_is_ready(whole: Whole, observer: Observer) -> None:
    uuid = new_uuid()
    with whole.runtime.blobs.staging() as staged:
        with TableWriter(staged) as table:
            table.begin({"a": 1}, np.uint8)
            table.append(np.zeros((1, 1), np.uint8))
        shape = seal_result(whole.runtime, staged)
        with atomic():
            owned = {"uuid": uuid, "name": "answers", "owner_id": "asdf", "project_id": "admin"}
            add_result(whole.runtime, **owned, staged=staged, shape=shape)
            assert observer.of(DatasetReady) == []
    assert [event.uuid for event in observer.of(DatasetReady)] == [uuid]


def test_logins_are_told_of_whether_they_succeed_or_not(whole: Whole, observer: Observer) -> None:
    whole.login("asdf")
    assert whole.http.simulate_post("/v1.0alpha/token", json={"id": "asdf", "password": "wrong one"}).status_code == 401
    succeeded, failed = observer.of(LoginSucceeded, LoginFailed)
    assert (succeeded.name, succeeded.user_id) == ("login.succeeded", "asdf")
    assert (failed.name, failed.user_id, failed.code) == ("login.failed", "asdf", "login_denied")
    assert "wrong one" not in repr(failed)


def test_a_deleted_user_is_told_of(whole: Whole, observer: Observer) -> None:
    whole.member("tsugumi")
    assert whole.call("DELETE", "user", id="tsugumi").status_code == 200
    (event,) = observer.of(UserDeleted)
    assert (event.user_id, event.actor.user_id) == ("tsugumi", "asdf")


def test_a_plugin_that_breaks_is_told_of_once(whole: Whole, observer: Observer) -> None:
    assert whole.runtime.plugins.plugins["broken"].state is PluginState.DEGRADED
    observer.seen.clear()
    for _ in range(3):
        assert whole.call("POST", "cluster", name=f"cluster {_}").status_code == 200
    assert observer.of(CallAllowed)
    assert observer.of(PluginBroken) == []
    whole.runtime.plugins.refuse(whole.runtime.plugins.plugins["broken"], ValueError("enough"))
    (event,) = observer.of(PluginBroken)
    assert (event.plugin, event.state, event.reason) == ("broken", "broken", "ValueError: enough")
