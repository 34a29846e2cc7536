"""A sidecar without sockets, and a cluster in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from hanami_core.plugin_host import PluginHost, installed_plugins
from hanami_core.roles import Role
from hanami_core.runtime import Runtime
from hanami_core.storage.database import atomic
from hanami_plugins.clusters import LIVE, Cluster, LiveClusters, locks
from tests.kernels import KERNELS
from tests.plugins.engine_kit import chain
from tests.plugins.live.kit import ACTOR, Talk
from tests.plugins.live.lock_order import CheckedLock
from tests.whole import Whole


@pytest.fixture(autouse=True)
def order_of_locks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever a test does, nobody waits for a lock out of its turn."""
    monkeypatch.setattr(locks, "new_lock", CheckedLock)
    CheckedLock.violations.clear()
    yield
    assert not CheckedLock.violations, CheckedLock.violations[0]


@pytest.fixture
def runtime(order_of_locks: None, tmp_path: Path) -> Iterator[Runtime]:
    """A sidecar in which nothing happens by itself."""
    settings = {"clusters.store": 3600.0, "clusters.idle": 3600.0, "compute.cache": str(KERNELS)}
    with Whole(tmp_path):
        pass
    opened = Runtime.open(tmp_path, Role.SIDECAR, settings, {}, PluginHost(installed_plugins()))
    opened.start_compute("cpu0")
    yield opened
    opened.close()


@pytest.fixture
def clusters(runtime: Runtime) -> LiveClusters:
    return runtime.stash[LIVE]


@pytest.fixture
def cluster(runtime: Runtime) -> Cluster:
    """A cluster in direct mode."""
    template = msgspec.json.encode(chain(blocks=1)).decode()
    owned = {"owner_id": ACTOR.user_id, "project_id": ACTOR.project_id}
    with atomic():
        row = Cluster.create(name="c", template=template, seed=1, host="cpu0", mode="DIRECT", **owned)
        runtime.queue.create_partition(row.uuid, "cpu0", paused=True)
    return row


@pytest.fixture
def talk(clusters: LiveClusters, cluster: Cluster) -> Talk:
    return Talk(clusters, cluster)
