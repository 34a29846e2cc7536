"""Checkpoints of the whole application, with a sidecar that works when a test says so."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from hanami_core import hookimpl
from hanami_core.errors import LeaseLost
from hanami_core.events import CheckpointSaved, Event, TaskEnded
from hanami_core.plugin_host import EntryPoint
from hanami_core.queue import Job, Task
from hanami_core.storage.blobs import Blob
from hanami_core.testing.hosts import host_context
from hanami_plugins.checkpoints import service
from hanami_plugins.clusters import LIVE, Cluster, LiveClusters, read_state, template_of
from tests.kernels import KERNELS
from tests.whole import Whole

TEMPLATE = """version: 1
settings:
    neuron_cooldown: 10000000000.0
    refractory_time: 1
    max_connection_distance: 1
    enable_reduction: false
hexagons:
    1,1,1
    2,1,1
    3,1,1
inputs:
    picture: 1,1,1
outputs:
    label: 3,1,1
"""


class Site(Whole):
    """An application and the work of a sidecar in one process."""

    def __init__(self, directory: Path, *more: EntryPoint, **settings: object) -> None:
        super().__init__(directory, *more, **settings)
        self.runtime.compute = self.runtime.hosts["cpu0"]
        self.runtime.compute.start(host_context(KERNELS))
        self.runtime.stash[LIVE] = LiveClusters(self.runtime)

    def work(self) -> None:
        """Run all tasks that are queued."""
        while task := self.runtime.queue.claim("cpu0", "cpu0/here"):
            self.runtime.kinds[task.kind].run(Job(self.runtime, task))

    def add(self, name: str = "reader", **who: Any) -> str:
        """Create a cluster and return its uuid."""
        text = base64.b64encode(TEMPLATE.encode()).decode()
        return str(self.call("POST", "cluster", name=name, template=text, **who).json["uuid"])

    def save(self, cluster: str, **who: Any) -> str:
        """Save a cluster and return the checkpoint's uuid."""
        uuid = str(self.call("POST", "cluster/save", name="summer", cluster_uuid=cluster, **who).json["uuid"])
        self.work()
        return uuid

    def load(self, cluster: str, checkpoint: str, **who: Any) -> str:
        """Queue a restore and return its uuid."""
        answer = self.call("POST", "cluster/load", cluster_uuid=cluster, checkpoint_uuid=checkpoint, **who)
        assert answer.status_code == 200, answer.text
        return str(answer.json["uuid"])

    def readable(self, cluster: str) -> bool:
        """Tell whether the stored network of a cluster is there."""
        row = Cluster.get(Cluster.uuid == cluster)
        return read_state(self.runtime, row, template_of(row)).head.rules != "" and row.blob is not None


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(service, "SETTLE_SECONDS", 0.0)
    with Site(tmp_path) as opened:
        yield opened


def test_a_checkpoint_that_is_deleted_while_its_restore_waits_is_restored(site: Site) -> None:
    cluster, other = site.add(), site.add("other")
    checkpoint = site.save(cluster)
    restores = [site.load(cluster, checkpoint), site.load(other, checkpoint)]
    assert site.call("DELETE", "cluster", uuid=cluster).status_code == 200
    assert site.call("DELETE", "checkpoint", uuid=checkpoint).status_code == 200
    site.work()
    assert Task.get(Task.uuid == restores[1]).state == "finished"
    assert site.readable(other)
    assert [blob.references for blob in Blob.select()] == [1]


def test_a_cluster_goes_back_to_the_state_that_it_is_in(site: Site) -> None:
    cluster = site.add()
    checkpoint = site.save(cluster)
    site.load(cluster, checkpoint)
    assert site.call("DELETE", "checkpoint", uuid=checkpoint).status_code == 200
    site.work()
    assert site.readable(cluster)
    assert [blob.references for blob in Blob.select()] == [1]


def test_a_cluster_without_its_network_can_be_restored_and_deleted(site: Site) -> None:
    cluster, other = site.add(), site.add("other")
    checkpoint = site.save(other)
    site.save(cluster)
    lost = Cluster.get(Cluster.uuid == cluster).blob
    Blob.delete().where(Blob.uuid == lost).execute()
    restore = site.load(cluster, checkpoint)
    site.work()
    assert Task.get(Task.uuid == restore).state == "finished"
    assert site.readable(cluster)
    Blob.delete().execute()
    assert site.call("DELETE", "cluster", uuid=cluster).status_code == 200


def test_a_saved_checkpoint_is_told_of_and_one_that_was_aborted_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hanami_plugins.checkpoints.service.SETTLE_SECONDS", 0.0)  # nobody works while a call waits
    seen: list[Event] = []
    observer = ModuleType("observer")
    vars(observer)["hanami_event"] = hookimpl(lambda event: seen.append(event), specname="hanami_event")
    with Site(tmp_path, EntryPoint("observer", "mine", "0", lambda: observer)) as site:
        cluster = site.add()
        checkpoint = site.save(cluster)
        site.call("POST", "cluster/save", name="autumn", cluster_uuid=cluster)
        task = site.runtime.queue.claim("cpu0", "cpu0/here")
        assert task is not None
        site.call("DELETE", "task", uuid=task.uuid, cluster_uuid=cluster)
        with pytest.raises(LeaseLost):
            site.runtime.kinds["save"].run(Job(site.runtime, task))
    saved = [(e.uuid, e.cluster_uuid, e.owner_id) for e in seen if isinstance(e, CheckpointSaved)]
    assert saved == [(checkpoint, cluster, "asdf")]
    ended = [(e.uuid, e.kind, e.state) for e in seen if isinstance(e, TaskEnded)]
    assert ended == [(checkpoint, "save", "finished"), (task.uuid, "save", "aborted")]
