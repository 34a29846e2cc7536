"""The states of a live cluster, and the order of its locks."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from itertools import product
from typing import Any

import msgspec
import pytest

from hanami_core.errors import BadRequest
from hanami_core.runtime import Runtime
from hanami_core.storage.database import atomic
from hanami_plugins.checkpoints.kinds import RestorePayload
from hanami_plugins.clusters import Cluster, LiveClusters
from hanami_plugins.clusters.live_cluster import TRANSITIONS, ClusterState, IllegalTransition, LiveCluster
from hanami_plugins.clusters.locks import Rank
from hanami_plugins.clusters.moving import HostMove
from hanami_plugins.clusters.service import Nothing, delete_cluster
from tests.plugins.live.kit import Talk, access, change, fresh, run, to_tasks
from tests.plugins.live.lock_order import CheckedLock

STEPS = [(before, after) for before, after in product(ClusterState, ClusterState)]


@pytest.mark.parametrize(("before", "after"), STEPS, ids=[f"{a.value}-{b.value}" for a, b in STEPS])
def test_only_the_steps_of_the_table_are_taken(before: ClusterState, after: ClusterState) -> None:
    live = LiveCluster("c", state=before)
    if after in TRANSITIONS[before]:
        live.move(after)
        assert (live.state, live.works) == (after, int(after is ClusterState.WORKING))
    else:
        with pytest.raises(IllegalTransition):
            live.move(after)
        assert live.state is before


def test_every_state_is_reached_and_all_but_the_last_are_left() -> None:
    assert set(TRANSITIONS) == set(ClusterState)
    assert {state for steps in TRANSITIONS.values() for state in steps} == set(ClusterState) - {ClusterState.OPENING}
    assert [state for state, steps in TRANSITIONS.items() if not steps] == [ClusterState.EVICTED]


@pytest.fixture
def walked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[ClusterState, ClusterState]]:
    """Return the steps that live clusters take from now on."""
    steps: list[tuple[ClusterState, ClusterState]] = []
    move = LiveCluster.move

    def noting(live: LiveCluster, to: ClusterState) -> None:
        before = live.state
        move(live, to)
        steps.append((before, to))

    monkeypatch.setattr(LiveCluster, "move", noting)
    return steps


def test_life_takes_every_step_of_the_table(
    walked: list[tuple[ClusterState, ClusterState]], runtime: Runtime, clusters: LiveClusters, cluster: Cluster
) -> None:
    """A walk through all that happens to clusters; each step of the table has a reason."""
    to_tasks(runtime, cluster)
    talk = Talk(clusters, cluster)  # opening → resting
    change(cluster, mode="DIRECT")
    talk.train()  # resting → direct
    to_tasks(runtime, cluster)
    clusters.look(talk.attachment).result(5)  # direct → resting
    run(runtime, cluster, "save", Nothing())  # resting → working → resting
    checkpoint = runtime.blobs.incref(str(fresh(cluster).blob))
    change(cluster, mode="DIRECT")
    talk.train()
    to_tasks(runtime, cluster)
    run(runtime, cluster, "settle", Nothing())  # direct → working
    run(runtime, cluster, "restore", RestorePayload(checkpoint))  # resting → evicted
    change(cluster, mode="DIRECT")
    talk.train()  # opening → direct
    with atomic():
        delete_cluster(runtime, access(runtime), cluster.uuid)
        # Before the commit, after which the watcher is told and may let the network rest first.
        clusters._keeper.flush()  # direct → evicted
    other = Cluster.create(name="o", template=cluster.template, seed=1, host="cpu0", owner_id="x", project_id="x")
    with pytest.raises(ZeroDivisionError), clusters.working(other.uuid):
        raise ZeroDivisionError  # working → evicted
    broken = Cluster.create(name="b", template="{}", seed=1, host="cpu0", owner_id="x", project_id="x")
    with pytest.raises(msgspec.MsgspecError):
        clusters.attach(broken.uuid, lambda: None)  # opening → evicted
    assert set(walked) == {(before, after) for before, steps in TRANSITIONS.items() for after in steps}


def test_a_cluster_that_has_moved_is_evicted(runtime: Runtime, clusters: LiveClusters, cluster: Cluster) -> None:
    live = Talk(clusters, cluster).live
    to_tasks(runtime, cluster)
    runtime.hosts.add(runtime.hosts.owner("cpu0"), [("other", runtime.hosts["cpu0"])])
    run(runtime, cluster, "switch_host", HostMove("other"))
    assert live.state is ClusterState.EVICTED


# -- locks ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", list(Rank))
@pytest.mark.parametrize("second", list(Rank))
def test_the_check_of_the_order_finds_who_breaks_it(first: Rank, second: Rank) -> None:
    with CheckedLock(first), CheckedLock(second):
        pass
    assert bool(CheckedLock.violations) == (second <= first)
    CheckedLock.violations.clear()


def test_whoever_does_not_wait_may_try_any_lock() -> None:
    with CheckedLock(Rank.REGISTRY):
        lock = CheckedLock(Rank.NETWORK)
        assert lock.acquire(blocking=False)
        lock.release()
    assert CheckedLock.violations == []


def test_many_threads_do_everything_at_once(runtime: Runtime, clusters: LiveClusters, cluster: Cluster) -> None:
    """Sessions, tasks, storing and eviction meet on one cluster; afterwards it knows what was acknowledged."""
    errors: list[BaseException] = []
    trained = 0

    def repeat(work: Callable[[], Any], times: int) -> threading.Thread:
        def guarded() -> None:
            try:
                for _ in range(times):
                    work()
            except BaseException as error:
                errors.append(error)
            finally:
                runtime.database.disconnect()

        thread = threading.Thread(target=guarded)
        thread.start()
        return thread

    def session() -> None:
        nonlocal trained
        talk = Talk(clusters, cluster)
        with suppress(BadRequest):  # a task was there first
            talk.train()
            trained += 1
        talk.close()

    def work() -> None:
        with clusters.working(cluster.uuid):
            pass

    threads = [repeat(session, 10), repeat(work, 10), repeat(clusters._keeper.flush, 20)]
    threads.append(repeat(lambda: clusters.evict_idle(0.0), 50))
    for thread in threads:
        thread.join()
    assert errors == []
    with clusters.working(cluster.uuid) as live:
        assert live.network.head.cycles == trained > 0
