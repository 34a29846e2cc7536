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
from hanami_core.errors import BadRequest
from hanami_core.events import (
    CallAllowed,
    ClusterCreated,
    ClusterDeleted,
    DatasetReady,
    Event,
    LoginFailed,
    LoginSucceeded,
    PluginBroken,
    ProjectDeleted,
    TaskEnded,
    UserDeleted,
)
from hanami_core.ids import new_uuid
from hanami_core.plugin_host import EntryPoint, PluginState
from hanami_core.queue import Task
from hanami_core.storage.database import atomic
from hanami_plugins.clusters import Cluster
from hanami_plugins.clusters.service import Nothing
from hanami_plugins.datasets import add_result, finalise_result
from tests.plugins.data import Site
from tests.whole import Whole

ACTOR = Actor("somebody", "Somebody", "project", "member")


class Observer:
    """Keeps what it is told; `before` is what was told while the application was opened."""

    def __init__(self) -> None:
        self.seen: list[Event] = []
        self.before: list[Event] = []
        self.module = ModuleType("observer")
        vars(self.module)["hanami_event"] = hookimpl(lambda event: self.seen.append(event), specname="hanami_event")

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
        observer.before, observer.seen = observer.seen, []
        yield opened


def ill(**hooks: Any) -> EntryPoint:
    """Return a plugin whose hooks are as given."""
    module = ModuleType("ill")
    for name, hook in hooks.items():
        vars(module)[name] = hookimpl(hook, specname=name)
    return EntryPoint("ill", "z", "0", lambda: module)


def test_whoever_fails_to_observe_is_logged_and_counted_and_harms_nobody(
    whole: Whole, observer: Observer, caplog: pytest.LogCaptureFixture
) -> None:
    before = whole.runtime.plugins.plugins["broken"].failures
    assert whole.call("POST", "cluster", name="cluster").status_code == 200
    assert [type(event) for event in observer.seen] == [CallAllowed, ClusterCreated]
    assert whole.runtime.plugins.plugins["broken"].failures == before + 2
    assert caplog.messages.count("plugin broken failed in hanami_event") == 2


def test_an_observer_finds_what_it_is_told_of(tmp_path: Path) -> None:
    found: list[tuple[str, bool]] = []

    def look(event: Event) -> None:
        if isinstance(event, ClusterCreated | ClusterDeleted):
            found.append((event.name, Cluster.active().where(Cluster.uuid == event.uuid).exists()))

    with Whole(tmp_path, ill(hanami_event=look)) as whole:
        uuid = whole.call("POST", "cluster", name="cluster").json["uuid"]
        whole.call("DELETE", "cluster", uuid=uuid)
    assert found == [("cluster.created", True), ("cluster.deleted", False)]


def test_clusters_come_and_go(whole: Whole, observer: Observer) -> None:
    uuid = whole.call("POST", "cluster", name="cluster").json["uuid"]
    assert whole.call("DELETE", "cluster", uuid=uuid).status_code == 200
    created, deleted = observer.of(ClusterCreated, ClusterDeleted)
    assert (created.uuid, created.owner_id, created.actor.user_id) == (uuid, "asdf", "asdf")
    assert isinstance(deleted, ClusterDeleted)
    assert (deleted.name, deleted.uuid, deleted.actor.user_id) == ("cluster.deleted", uuid, "asdf")


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


def test_an_upload_becomes_a_dataset_that_is_ready(tmp_path: Path, observer: Observer) -> None:
    point = EntryPoint("seer", "b", "0", lambda: observer.module)
    with Site(tmp_path, point) as site:
        announced = site.announce("csv", input=b"a,b\n1,2\n")
        site.send(announced["uuid_input_file"], b"a,b\n1,2\n")
        assert observer.of(DatasetReady, TaskEnded) == []
        site.finish("csv", announced)
        refused = site.announce("csv", input=b"a,b\n1,2,3\n")
        site.send(refused["uuid_input_file"], b"a,b\n1,2,3\n")
        with pytest.raises(BadRequest):
            site.finish("csv", refused)
    assert [(e.uuid, e.owner_id, e.project_id) for e in observer.of(DatasetReady)] == [
        (announced["uuid"], "tsugumi", "room")
    ]
    assert [(e.kind, e.state) for e in observer.of(TaskEnded)] == [("decode", "finished"), ("decode", "failed")]


def test_a_result_is_a_dataset_that_is_ready(whole: Whole, observer: Observer) -> None:
    uuid = new_uuid()
    with whole.runtime.blobs.staging() as staged:
        with TableWriter(staged) as table:
            table.begin({"a": 1}, np.uint8)
            table.append(np.zeros((1, 1), np.uint8))
        shape = finalise_result(whole.runtime, staged)
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


def test_a_deleted_project_is_told_of(whole: Whole, observer: Observer) -> None:
    whole.call("POST", "project", id="room", name="Room")
    assert whole.call("DELETE", "project", id="room").status_code == 200
    (event,) = observer.of(ProjectDeleted)
    assert (event.project_id, event.actor.user_id) == ("room", "asdf")


def test_a_plugin_that_can_not_start_is_told_of(tmp_path: Path, observer: Observer) -> None:
    def start(runtime: object) -> None:
        raise ValueError("no key")

    point = EntryPoint("seer", "b", "0", lambda: observer.module)
    with Whole(tmp_path, point, ill(hanami_startup=start)) as whole:
        (event,) = observer.of(PluginBroken)
        assert (event.plugin, event.state, event.reason) == ("ill", "broken", "ValueError: no key")
        assert whole.call("GET", "cluster/all").status_code == 200


def test_a_plugin_that_fails_later_is_told_of_once(whole: Whole, observer: Observer) -> None:
    broken = whole.runtime.plugins.plugins["broken"]
    assert broken.state is PluginState.DEGRADED
    assert broken.failures > 1
    assert [(e.plugin, e.state) for e in observer.before if isinstance(e, PluginBroken)] == [("broken", "degraded")]
    whole.call("POST", "cluster", name="cluster")
    assert observer.of(PluginBroken) == []


def test_a_plugin_that_breaks_in_a_transaction_is_told_of_whatever_becomes_of_that(
    tmp_path: Path, observer: Observer
) -> None:
    def place(request: object) -> str:
        raise ValueError("no place")

    point = EntryPoint("seer", "b", "0", lambda: observer.module)
    with Whole(tmp_path, point, ill(hanami_placement=place)) as whole:
        with pytest.raises(ZeroDivisionError), atomic():
            assert whole.call("POST", "cluster", name="cluster").status_code == 200
            assert observer.of(PluginBroken, ClusterCreated) == []
            raise ZeroDivisionError
        assert Cluster.select().count() == 0
    (event,) = observer.of(PluginBroken, ClusterCreated)
    assert (event.plugin, event.state) == ("ill", "degraded")
    assert event.reason == "failed in hanami_placement: ValueError: no place"
