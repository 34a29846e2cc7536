"""Leases of direct mode and refusals, without a host that would work on tasks."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hanami_plugins.clusters import Cluster, direct_lease, end_direct_modes
from tests.plugins.test_native_routes import TEMPLATE
from tests.plugins.test_retention import Later, task
from tests.whole import Whole

HOUR = 1 / 24


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[Whole]:
    with Whole(tmp_path) as opened:
        opened.runtime.clock = Later(opened.runtime.clock)
        yield opened


@pytest.fixture
def cluster(whole: Whole) -> str:
    template = base64.b64encode(TEMPLATE.encode()).decode()
    return str(whole.call("POST", "cluster", name="cluster", template=template).json["uuid"])


def switch(whole: Whole, cluster: str, mode: str = "DIRECT", **more: Any) -> Any:
    return whole.call("PUT", "cluster/set_mode", uuid=cluster, new_state=mode, **more)


def row(cluster: str) -> Cluster:
    return Cluster.get(Cluster.uuid == cluster)


def test_tasks_that_are_open_are_named(whole: Whole, cluster: str) -> None:
    first = task(whole, cluster)
    task(whole, cluster)
    assert switch(whole, cluster).text == "Can not switch cluster to 'DIRECT'"
    for shared in (False, True):
        refused = switch(whole, cluster, shared=shared)
        assert (refused.status_code, refused.text) == (
            409,
            "Can not switch cluster to 'DIRECT': 2 of its tasks are not done, the first is 'some task' with UUID "
            f"'{first.uuid}'; wait for them, or delete them",
        )
    assert row(cluster).mode == "TASK"


def test_a_lease_ends_when_it_is_over(whole: Whole, cluster: str) -> None:
    switch(whole, cluster)
    end_direct_modes(whole.runtime)
    assert row(cluster).mode == "DIRECT"
    whole.runtime.clock.days = HOUR
    direct_lease.renew(whole.runtime, row(cluster))  # somebody is connected
    end_direct_modes(whole.runtime)
    assert row(cluster).mode == "DIRECT"
    direct_lease.shorten(whole.runtime, cluster)
    end_direct_modes(whole.runtime)
    assert row(cluster).mode == "DIRECT"
    whole.runtime.clock.days += HOUR
    end_direct_modes(whole.runtime)
    assert row(cluster).mode == "TASK"
    assert [one.kind for one in whole.runtime.queue.open_tasks(cluster)] == ["settle"]
    whole.runtime.clock.days += HOUR
    end_direct_modes(whole.runtime)
    assert len(whole.runtime.queue.open_tasks(cluster)) == 1


def test_a_direct_mode_that_is_older_than_leases_gets_one(whole: Whole, cluster: str) -> None:
    switch(whole, cluster)
    Cluster.update(direct_until=None, direct_since=None, direct_by="").execute()
    end_direct_modes(whole.runtime)
    assert row(cluster).mode == "DIRECT"
    assert "user 'asdf' has done that already, at an unknown time" in switch(whole, cluster, shared=False).text
    whole.runtime.clock.days = HOUR
    end_direct_modes(whole.runtime)
    assert row(cluster).mode == "TASK"


def test_who_shares_renews_the_lease_and_holds_no_more(whole: Whole, cluster: str) -> None:
    switch(whole, cluster)
    before = row(cluster)
    whole.runtime.clock.days = HOUR
    assert switch(whole, cluster, shared=True).json["new_state"] == "DIRECT"
    after = row(cluster)
    assert after.direct_until > before.direct_until
    assert (after.direct_since, after.direct_by) == (before.direct_since, "asdf")


@pytest.mark.long
def test_a_task_tells_that_it_waits(whole: Whole, cluster: str) -> None:
    switch(whole, cluster)
    waiting = task(whole, cluster)
    query = {"uuid": waiting.uuid, "cluster_uuid": cluster}
    told = whole.call("GET", "task", **query).json["waiting"]
    assert "direct mode, to which user 'asdf' has switched it" in told
    assert waits(whole, cluster) == [told]
    switch(whole, cluster, "TASK")
    assert "waiting" not in whole.call("GET", "task", **query).json
    assert waits(whole, cluster) == [""]


def waits(whole: Whole, cluster: str) -> list[str]:
    answer = whole.call("GET", "task/all", cluster_uuid=cluster, details="true").json
    place = answer["header"].index("waiting")
    return [row[place] for row in answer["body"]]


def test_a_list_asks_once_for_whom_all_of_its_tasks_wait(
    whole: Whole, cluster: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    switch(whole, cluster)
    for _ in range(3):
        task(whole, cluster)
    asked: list[str] = []
    monkeypatch.setattr("hanami_plugins.clusters.holder_of", lambda uuid: asked.append(uuid))
    assert waits(whole, cluster) == ["", "", ""]
    assert asked == [cluster]
