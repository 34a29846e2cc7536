"""What frames trained is stored when somebody asks for it, and nothing more is trained that cannot be stored."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from hanami_core.checks import Finding
from hanami_core.errors import Conflict, InsufficientStorage
from hanami_core.runtime import Runtime
from hanami_core.storage.database import atomic
from hanami_plugins.clusters import Cluster, LiveClusters, keeper, live
from hanami_plugins.clusters.service import Nothing, read_state, template_of
from tests.faults.kit import faulty
from tests.plugins.live.kit import ACTOR, Talk, answer, fresh, request, run, to_tasks, told
from tests.server.harness import until

FLUSH = '{"flush": true}'


def flush(talk: Talk) -> str:
    async def wait() -> str:
        result = talk.session.receive(FLUSH)
        assert not isinstance(result, bytes)
        return str(await result)

    return asyncio.run(wait())


def stored_cycles(runtime: Runtime, cluster: Cluster) -> int:
    row = fresh(cluster)
    return read_state(runtime, row, template_of(row)).head.cycles


@contextmanager
def full_disk(data_dir: Path) -> Iterator[None]:
    folders = [data_dir / "blobs" / f"{number:02x}" for number in range(256)]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    with faulty("fsync:error=ENOSPC", *folders):
        yield


def findings(runtime: Runtime) -> list[Finding]:
    return [finding for found in runtime.plugins.checks(runtime) if found.item.cheap for finding in found.item.run()]


def test_a_flush_is_answered_when_everything_is_stored(runtime: Runtime, talk: Talk, cluster: Cluster) -> None:
    assert flush(talk) == '{"success": true}'
    talk.train(3)
    assert fresh(cluster).version == 0
    assert flush(talk) == '{"success": true}'
    assert (fresh(cluster).version, stored_cycles(runtime, cluster)) == (1, 3)
    assert flush(talk) == '{"success": true}'
    assert fresh(cluster).version == 1
    talk.close()


def test_a_network_that_takes_long_to_store_is_stored_less_often(
    runtime: Runtime, talk: Talk, cluster: Cluster, clusters: LiveClusters, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, blobs = [0.0], runtime.blobs
    finalise = blobs.finalise

    def slowly(path: Path) -> None:
        now[0] += 2.0
        finalise(path)

    for module in (live, keeper):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(blobs, "finalise", slowly)
    for seconds, version in ((0.0, 1), (17.9, 1), (0.2, 2), (17.9, 2)):
        now[0] += seconds
        talk.train()
        clusters._keeper.flush(all=False)
        assert fresh(cluster).version == version
    assert flush(talk) == '{"success": true}'
    assert fresh(cluster).version == 3
    talk.close()


def test_a_flush_stores_the_network_that_it_is_about_and_lets_others_rest(
    runtime: Runtime, talk: Talk, cluster: Cluster, clusters: LiveClusters
) -> None:
    with atomic():
        owned = {"owner_id": ACTOR.user_id, "project_id": ACTOR.project_id}
        other = Cluster.create(
            name="other", template=cluster.template, seed=1, host="cpu0", mode="DIRECT", metrics="{}", **owned
        )
        runtime.queue.create_partition(other.uuid, "cpu0", paused=True)
    beside = Talk(clusters, other)
    for each in (talk, beside):
        each.train()
        each.live.rests_until = math.inf
    assert flush(talk) == '{"success": true}'
    assert (talk.live.unsaved, beside.live.unsaved) == (False, True)
    beside.session.close()
    until(lambda: not beside.live.unsaved, 10)
    talk.close()


def test_only_a_flush_is_one(talk: Talk) -> None:
    for text in ("", "flush", '{"flush": false}', '{"flush": true, "more": 1}', "[" * 100_000):
        with pytest.raises(Exception, match="frame") as caught:
            answer(talk.session.receive(text))  # type: ignore[arg-type]
        assert type(caught.value).__name__ == "BadRequest"
    talk.close()


def test_a_flush_waits_for_whoever_stores(runtime: Runtime, talk: Talk, cluster: Cluster) -> None:
    talk.train()
    live = talk.live
    with live.storing:
        future = talk.clusters.flush(live)
        assert not future.done()
        assert live.unsaved
    future.result(10.0)
    assert not live.unsaved
    talk.close()


def test_a_flush_after_a_task_has_nothing_to_wait_for(runtime: Runtime, talk: Talk, cluster: Cluster) -> None:
    talk.train()
    to_tasks(runtime, cluster)
    run(runtime, cluster, "settle", Nothing())
    assert flush(talk) == '{"success": true}'
    assert stored_cycles(runtime, cluster) == 1
    talk.close()


def test_what_was_dropped_is_not_said_to_be_stored(runtime: Runtime, talk: Talk, cluster: Cluster) -> None:
    talk.train()
    with atomic():
        runtime.queue.resume(cluster.uuid)
        runtime.queue.close_partition(cluster.uuid)
    with pytest.raises(Conflict) as error:
        flush(talk)
    assert told(error.value) == "what was trained was dropped: the cluster was deleted, or its network replaced"
    talk.close()


def test_nothing_is_trained_that_can_not_be_stored(
    runtime: Runtime, clusters: LiveClusters, talk: Talk, cluster: Cluster, tmp_path: Path
) -> None:
    talk.train(2)
    with full_disk(tmp_path):
        with pytest.raises(InsufficientStorage) as error:
            flush(talk)
        assert told(error.value) == "The disk of the server is full"
        with pytest.raises(InsufficientStorage):
            talk.train()
        assert answer(talk.session.receive(request([1.0, 0.0])))  # type: ignore[arg-type]
        assert [finding.where for finding in findings(runtime)] == ["direct mode"]
    assert talk.live.network.head.cycles == 2
    assert list(runtime.blobs.store.staged()) == []
    assert flush(talk) == '{"success": true}'
    assert findings(runtime) == []
    talk.train()
    assert flush(talk) == '{"success": true}'
    assert stored_cycles(runtime, cluster) == 3
    talk.close()


def test_the_keeper_survives_whoever_goes_away(talk: Talk) -> None:
    talk.train()
    futures = [talk.clusters.flush(talk.live) for _ in range(3)]
    assert not any(future.cancel() for future in futures)
    for future in futures:
        future.result(10.0)
    assert any(thread.name == "live-clusters" for thread in threading.enumerate())
    talk.close()
