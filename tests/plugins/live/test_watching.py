"""What sessions learn of what happens to their clusters elsewhere, and who waits for it meanwhile."""

from __future__ import annotations

import asyncio
import inspect
import os
import threading
from collections.abc import Callable
from typing import Any

import pytest

from hanami_core.access import Rule
from hanami_core.compute import LiveNetwork
from hanami_core.errors import BadRequest
from hanami_core.priority import LOWEST, STEP
from hanami_core.runtime import Runtime
from hanami_core.storage.database import atomic
from hanami_core.testing.sockets import RecordedConnection
from hanami_plugins.checkpoints.kinds import RestorePayload
from hanami_plugins.clusters import Cluster, LiveClusters, watcher
from hanami_plugins.clusters.notices import notify
from hanami_plugins.clusters.service import Nothing, delete_cluster, set_mode
from tests.plugins.live.kit import ACTOR, Talk, access, beside, change, fresh, request, run, to_tasks, told
from tests.server.harness import until


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let only notices and questions make the watcher look."""
    monkeypatch.setattr(watcher, "PERIOD", 3600.0)


def refused(talk: Talk) -> str:
    with pytest.raises(BadRequest) as error:
        talk.train()
    return told(error.value)


# -- modes ------------------------------------------------------------------------------------------------------------


def test_the_frame_after_a_switch_to_direct_mode_is_welcome(
    slow: None, runtime: Runtime, cluster: Cluster, clusters: LiveClusters
) -> None:
    """However often and however quickly that is done; nobody but the database knows about it."""
    to_tasks(clusters._runtime, cluster)
    talk = Talk(clusters, cluster)
    for _ in range(20):
        assert refused(talk) == "the cluster is not in direct mode"
        change(cluster, mode="DIRECT")
        talk.train()
        to_tasks(clusters._runtime, cluster)
        run(runtime, cluster, "settle", Nothing())


def test_a_notice_ends_direct_mode_without_any_frame(
    slow: None, runtime: Runtime, clusters: LiveClusters, cluster: Cluster, talk: Talk
) -> None:
    talk.train()
    delete_cluster(runtime, access(runtime), cluster.uuid)
    until(lambda: not talk.live.direct)


def test_whoever_switches_modes_sends_a_notice(
    slow: None, runtime: Runtime, clusters: LiveClusters, cluster: Cluster, talk: Talk
) -> None:
    to_tasks(clusters._runtime, cluster)
    run(runtime, cluster, "settle", Nothing())
    assert not talk.live.direct
    set_mode(runtime, access(runtime), cluster.uuid, "DIRECT")
    until(lambda: talk.live.direct)


def test_a_lost_notice_is_made_up_for(
    clusters: LiveClusters, cluster: Cluster, talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher, "PERIOD", 0.01)
    talk.train()
    change(cluster, status="deleted")
    until(lambda: not talk.live.direct)


def test_strange_notices_are_read_over(slow: None, runtime: Runtime, cluster: Cluster, talk: Talk) -> None:
    for content in ("", "x" * 1000, "\0", cluster.uuid):
        notify(runtime.settings.data_dir, "cpu0", content)
    notify(runtime.settings.data_dir, "nowhere", cluster.uuid)
    talk.train()


def test_a_flood_of_refused_frames_costs_a_few_looks(
    slow: None, clusters: LiveClusters, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher, "PACE", 0.5)
    to_tasks(clusters._runtime, cluster)
    looks = 0
    rows = watcher._rows

    def counted(uuids: list[str]) -> Any:
        nonlocal looks
        looks += 1
        return rows(uuids)

    monkeypatch.setattr(watcher, "_rows", counted)
    talks = [Talk(clusters, cluster) for _ in range(50)]

    async def flood() -> list[BaseException | None]:
        answers = [talk.session.receive(request([1.0, 0.0])) for talk in talks]
        return await asyncio.gather(*answers, return_exceptions=True)  # type: ignore[arg-type]

    assert {told(answer) for answer in asyncio.run(flood())} == {"the cluster is not in direct mode"}
    assert looks <= 3


def test_a_database_that_fails_ends_the_session_that_asked_and_nothing_else(
    slow: None, clusters: LiveClusters, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    to_tasks(clusters._runtime, cluster)
    talk = Talk(clusters, cluster)
    with monkeypatch.context() as patch:
        patch.setattr(watcher, "_rows", lambda uuids: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            talk.train()
    change(cluster, mode="DIRECT")
    talk.train()


# -- opening ----------------------------------------------------------------------------------------------------------


class Gate:
    """Holds up whoever opens a network."""

    def __init__(self, clusters: LiveClusters, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reached, self.go_on = threading.Event(), threading.Event()
        opened = clusters._network

        def waiting(*args: Any) -> LiveNetwork:
            self.reached.set()
            assert self.go_on.wait(20)
            return opened(*args)

        monkeypatch.setattr(clusters, "_network", waiting)


@pytest.fixture
def restored(runtime: Runtime, clusters: LiveClusters, cluster: Cluster, talk: Talk) -> Talk:
    """Return the session of a cluster that was restored meanwhile and is in direct mode again."""
    talk.train(2)
    to_tasks(clusters._runtime, cluster)
    run(runtime, cluster, "settle", Nothing())
    with atomic():
        checkpoint = runtime.blobs.incref(str(fresh(cluster).blob))
    run(runtime, cluster, "restore", RestorePayload(checkpoint))
    change(cluster, mode="DIRECT")
    return talk


def test_the_loop_turns_while_a_network_is_opened(
    clusters: LiveClusters, cluster: Cluster, restored: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another socket gets its answers, and the frame that waits gets its own afterwards."""
    other = _another(clusters, cluster)
    gate = Gate(clusters, monkeypatch)

    async def scenario() -> int:
        waiting = asyncio.ensure_future(restored.session.receive(request([1.0, 0.0])))  # type: ignore[arg-type]
        await asyncio.to_thread(gate.reached.wait, 10)
        answered = 0
        while answered < 20:
            answer = other.session.receive(request([1.0, 0.0]))
            assert await answer if inspect.isawaitable(answer) else answer
            answered += 1
        assert not waiting.done()
        gate.go_on.set()
        assert await waiting
        return answered

    assert asyncio.run(scenario()) == 20
    assert restored.live.direct


def test_whoever_opens_a_network_leaves_the_processors_to_others(
    clusters: LiveClusters, restored: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, seen = clusters._network, []

    def watched(*arguments: Any) -> Any:
        seen.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        return network(*arguments)

    monkeypatch.setattr(clusters, "_network", watched)
    restored.train()
    assert seen == [min(os.getpriority(os.PRIO_PROCESS, 0) + STEP, LOWEST)]


def test_all_sessions_of_a_cluster_get_the_network_that_one_of_them_opened(
    clusters: LiveClusters, cluster: Cluster, restored: Talk
) -> None:
    second = Talk(clusters, cluster)
    restored.train()
    assert second.live is restored.live
    assert restored.live.network.head.cycles == 3


def test_a_session_that_ends_while_its_network_is_opened_leaves_nothing_behind(
    clusters: LiveClusters, cluster: Cluster, restored: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(clusters, monkeypatch)

    async def scenario() -> None:
        waiting = asyncio.ensure_future(restored.session.receive(request([1.0, 0.0])))  # type: ignore[arg-type]
        await asyncio.to_thread(gate.reached.wait, 10)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)

    asyncio.run(scenario())
    restored.session.close()
    gate.go_on.set()
    until(lambda: clusters._live)
    until(lambda: not clusters._watcher._opening)
    clusters.evict_idle(0.0)
    assert not clusters._live


def test_a_network_that_can_not_be_opened_ends_the_session_that_asked(
    clusters: LiveClusters, restored: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(clusters, "_network", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            restored.train()
    restored.train()


def _another(clusters: LiveClusters, cluster: Cluster) -> Talk:
    owned = {"owner_id": ACTOR.user_id, "project_id": ACTOR.project_id}
    row = Cluster.create(name="d", template=cluster.template, seed=1, host="cpu0", mode="DIRECT", **owned)
    clusters._runtime.queue.create_partition(row.uuid, "cpu0", paused=True)
    talk = Talk(clusters, row)
    talk.train()
    return talk


# -- tasks ------------------------------------------------------------------------------------------------------------


def test_a_session_ends_at_once_while_a_task_works(
    runtime: Runtime, clusters: LiveClusters, cluster: Cluster, talk: Talk
) -> None:
    talk.train()
    with clusters.working(cluster.uuid):
        ended = beside(talk.session.close)
        ended.join(5)
        assert not ended.is_alive()


def test_a_frame_is_refused_while_a_task_works_without_waiting_for_its_end(
    clusters: LiveClusters, cluster: Cluster, talk: Talk
) -> None:
    talk.train()
    with clusters.working(cluster.uuid):
        assert refused(talk) == "the cluster is not in direct mode"


def test_what_a_session_trained_is_stored_soon_after_its_end(
    runtime: Runtime, clusters: LiveClusters, cluster: Cluster, talk: Talk
) -> None:
    talk.train()
    talk.session.close()
    until(lambda: fresh(cluster).cycles == 1)


# -- sharing ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watcher, "PERIOD", 0.01)


def opened(runtime: Runtime, cluster: Cluster) -> tuple[Any, RecordedConnection]:
    connection = RecordedConnection()
    return runtime.targets["cluster"].open(runtime, access(runtime), cluster.uuid, connection), connection


@pytest.fixture
def rules(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the actor write public clusters and those of the own project."""

    def rules(actor: Any, action: Any) -> list[Rule]:
        if action.resource is None:
            return [Rule(True)]
        model = action.resource
        return [Rule(True, where=(model.visibility == "public") | (model.project_id == actor.project_id))]

    monkeypatch.setattr(runtime.plugins, "access_rules", rules)


@pytest.mark.parametrize(
    ("fields", "code"),
    [({"visibility": "private"}, 1008), ({"visibility": "shared"}, 1008), ({"project_id": "x"}, None)],
)
def test_a_stranger_is_sent_away_when_a_cluster_is_withdrawn(
    quick: None, rules: None, runtime: Runtime, cluster: Cluster, fields: dict[str, str], code: int | None
) -> None:
    change(cluster, visibility="public", project_id="theirs", owner_id="they")
    session, connection = opened(runtime, cluster)
    seen: Callable[[], Any] = lambda: session._attachment.seen  # noqa: E731
    until(seen)
    assert connection.closed is None
    before = seen()
    change(cluster, **fields)
    until(lambda: seen() != before)
    if code is not None:
        until(lambda: connection.closed)
    assert (connection.closed or (None,))[0] == code
    session.close()
