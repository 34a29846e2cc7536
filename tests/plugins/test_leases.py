"""Clusters and datasets with a lease go by themselves, if nobody uses or renews them; all others stay."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hanami_core.queue import Task
from hanami_core.storage.blobs import Blob
from hanami_core.storage.database import atomic
from hanami_plugins.clusters import Cluster
from hanami_plugins.clusters import leases as of_clusters
from hanami_plugins.datasets import Dataset
from hanami_plugins.datasets import leases as of_datasets
from hanami_plugins.uploads import discard
from tests.plugins.test_quotas import give_table
from tests.plugins.test_retention import task
from tests.whole import Whole

LEASE = 100
PAUSE = 30.0
NEVER = {"clusters__leases": 1e6, "datasets__leases": 1e6}
"""Nobody looks but the tests."""


class Hand:
    """A clock that goes by hand; the time of day is another one."""

    def __init__(self, clock: Any) -> None:
        self._clock, self.seconds, self.day = clock, 1000.0, 0.0

    def now(self) -> float:
        return float(self._clock.now()) + self.day

    def monotonic(self) -> float:
        return self.seconds

    def boot(self) -> str:
        return str(self._clock.boot())


class Server:
    """A server whose looks for leases are made by hand."""

    def __init__(self, whole: Whole) -> None:
        self.whole, self.clock = whole, Hand(whole.runtime.clock)
        whole.runtime.clock = self.clock
        self.start()

    def start(self) -> None:
        """Begin to look, as a server does that has just been started."""
        settings = {"clusters.leases": PAUSE, "datasets.leases": PAUSE}
        told = type("Told", (), {"settings": settings})()
        self._looks = [leases.schedule(told).run for leases in (of_clusters, of_datasets)]
        self.look()

    def look(self) -> None:
        for look in self._looks:
            look(self.whole.runtime)

    def watch(self, seconds: float) -> None:
        """Let so many seconds pass, with a look every `PAUSE`."""
        while seconds > 0:
            self.clock.seconds += min(PAUSE, seconds)
            seconds -= PAUSE
            self.look()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Whole(tmp_path, **NEVER) as opened:
        yield Server(opened)


@pytest.fixture
def whole(server: Server) -> Whole:
    return server.whole


def cluster(whole: Whole, name: str = "temporary", **more: Any) -> str:
    answer = whole.call("POST", "cluster", name=name, **more)
    assert answer.status_code == 200, answer.text
    return str(answer.json["uuid"])


def dataset(whole: Whole, **more: Any) -> str:
    """Return a dataset whose file has arrived and was read."""
    answer = whole.call("POST", "dataset/upload/csv", name="temporary", input_data_size=5, **more)
    assert answer.status_code == 200, answer.text
    uuid = str(answer.json["uuid"])
    with atomic():
        discard(whole.runtime, uuid)
    Dataset.update(state="ready").where(Dataset.uuid == uuid).execute()
    return uuid


MAKERS: dict[str, Callable[..., str]] = {"cluster": cluster, "dataset": dataset}


@pytest.fixture(params=MAKERS)
def noun(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def told(whole: Whole, noun: str, uuid: str) -> tuple[float | None, float | None]:
    answer = whole.call("GET", noun, uuid=uuid, details="true").json
    return answer["lease"], answer["lease_left"]


def is_there(whole: Whole, noun: str, uuid: str) -> bool:
    return bool(whole.call("GET", noun, uuid=uuid).status_code == 200)


def renew(whole: Whole, noun: str, uuid: str, lease: float | None, token: str | None = None) -> Any:
    return whole.call("PUT", f"{noun}/lease", token, uuid=uuid, lease=lease)


def test_what_nobody_renews_goes_when_its_lease_is_over(server: Server, whole: Whole, noun: str) -> None:
    uuid, other = MAKERS[noun](whole, lease=LEASE), MAKERS[noun](whole, name="other") if noun == "cluster" else ""
    assert told(whole, noun, uuid) == (LEASE, LEASE)
    server.watch(LEASE - 1)
    assert told(whole, noun, uuid) == (LEASE, 1.0)
    server.watch(PAUSE)
    assert not is_there(whole, noun, uuid)
    assert whole.call("DELETE", noun, uuid=uuid).status_code == 404
    if other:
        assert is_there(whole, noun, other)


def test_what_has_no_lease_stays(server: Server, whole: Whole, noun: str) -> None:
    uuid = MAKERS[noun](whole)
    assert told(whole, noun, uuid) == (None, None)
    server.watch(10 * LEASE)
    assert is_there(whole, noun, uuid)
    refused = renew(whole, noun, uuid, LEASE)
    text = f"There is no lease of '{uuid}' that could be renewed: it stays until it is deleted"
    assert (refused.status_code, refused.text) == (409, text)
    assert told(whole, noun, uuid) == (None, None)


def test_who_renews_keeps_it_and_who_ends_the_lease_keeps_it_for_good(server: Server, whole: Whole, noun: str) -> None:
    uuid = MAKERS[noun](whole, lease=LEASE)
    for _ in range(3):
        server.watch(LEASE - 1)
        answer = renew(whole, noun, uuid, LEASE)
        assert (answer.status_code, answer.json["lease"], answer.json["lease_left"]) == (200, LEASE, LEASE)
    assert renew(whole, noun, uuid, 2 * LEASE).json["lease_left"] == 2 * LEASE
    server.watch(LEASE + PAUSE)
    assert is_there(whole, noun, uuid)
    assert renew(whole, noun, uuid, None).json["lease"] is None
    server.watch(10 * LEASE)
    assert is_there(whole, noun, uuid)


def test_only_what_the_server_has_watched_counts(server: Server, whole: Whole, noun: str) -> None:
    uuid = MAKERS[noun](whole, lease=LEASE)
    server.clock.day = 1e6  # somebody has set the clock
    server.look()
    server.clock.day = -1e6
    server.look()
    assert told(whole, noun, uuid) == (LEASE, LEASE)
    server.clock.seconds += 1e6  # the server stood still
    server.look()
    assert told(whole, noun, uuid) == (LEASE, LEASE - 2 * PAUSE)
    renew(whole, noun, uuid, LEASE)
    for _ in range(5):
        server.clock.seconds += 1e6  # nobody could have renewed it while there was no server
        server.start()
    assert told(whole, noun, uuid) == (LEASE, LEASE)


@pytest.mark.parametrize("lease", [0, 0.5, 60.0, -1, 31_536_001, True, "100"])
def test_what_is_no_lease_is_refused(whole: Whole, noun: str, lease: Any) -> None:
    uuid = MAKERS[noun](whole, lease=LEASE)
    refused = renew(whole, noun, uuid, lease)
    assert (refused.status_code, "'lease'" in refused.text) == (400, True), refused.text
    assert told(whole, noun, uuid) == (LEASE, LEASE)
    assert "'lease'" in whole.call("PUT", f"{noun}/lease", uuid=uuid).text
    path, fields = {"cluster": ("cluster", {}), "dataset": ("dataset/upload/csv", {"input_data_size": 5})}[noun]
    assert whole.call("POST", path, name="another", lease=lease, **fields).status_code == 400


def test_only_who_may_change_it_renews_it(whole: Whole, noun: str) -> None:
    uuid = MAKERS[noun](whole, lease=LEASE)
    whole.call("PUT", f"{noun}/visibility", uuid=uuid, visibility="public")
    stranger = whole.member("mia_", "digits")
    for lease in (LEASE, None):
        assert renew(whole, noun, uuid, lease, stranger).status_code == 404
    assert told(whole, noun, uuid) == (LEASE, LEASE)


def test_a_cluster_stays_as_long_as_a_task_or_a_client_uses_it(server: Server, whole: Whole) -> None:
    uuid = cluster(whole, lease=LEASE)
    waiting = task(whole, uuid)
    server.watch(3 * LEASE)
    assert told(whole, "cluster", uuid) == (LEASE, LEASE)
    assert whole.call("DELETE", "task", uuid=waiting.uuid, cluster_uuid=uuid).status_code == 200
    Cluster.update(mode="DIRECT").where(Cluster.uuid == uuid).execute()
    server.watch(3 * LEASE)
    assert told(whole, "cluster", uuid) == (LEASE, LEASE)
    Cluster.update(mode="TASK").where(Cluster.uuid == uuid).execute()
    server.watch(LEASE + PAUSE)
    assert not is_there(whole, "cluster", uuid)


def test_who_comes_between_the_look_and_the_end_is_heard(server: Server, whole: Whole) -> None:
    for use in (
        lambda uuid: renew(whole, "cluster", uuid, LEASE),
        lambda uuid: renew(whole, "cluster", uuid, None),
        lambda uuid: task(whole, uuid),
    ):
        uuid = cluster(whole, f"used {Cluster.select().count()}", lease=LEASE)
        Cluster.update(lease_used=LEASE).where(Cluster.uuid == uuid).execute()
        row = Cluster.get(Cluster.uuid == uuid)
        use(uuid)
        of_clusters.remove_expired(whole.runtime, row)
        assert is_there(whole, "cluster", uuid)
        if whole.runtime.queue.open_tasks(uuid):
            assert task(whole, uuid), "the queue takes further tasks"
            assert {one.state for one in Task.select()} == {"queued"}


def test_a_dataset_stays_until_its_files_are_there_and_nobody_waits_to_read_it(server: Server, whole: Whole) -> None:
    begun = whole.call("POST", "dataset/upload/csv", name="on its way", input_data_size=5, lease=LEASE).json["uuid"]
    server.watch(3 * LEASE)
    assert told(whole, "dataset", begun) == (LEASE, LEASE)
    uuid = give_table(whole)
    Dataset.update(lease=LEASE).where(Dataset.uuid == uuid).execute()
    blob = Dataset.get(Dataset.uuid == uuid).blob
    reading = task(whole, cluster(whole))
    Task.update(blobs=f'["{blob}"]').where(Task.uuid == reading.uuid).execute()
    server.watch(3 * LEASE)
    assert is_there(whole, "dataset", uuid)
    Task.update(blobs="[]", state="finished").where(Task.uuid == reading.uuid).execute()
    server.watch(PAUSE)
    assert not is_there(whole, "dataset", uuid)
    assert not Blob.select().where(Blob.uuid == blob).exists()


def test_one_that_can_not_go_does_not_keep_the_others(
    server: Server, whole: Whole, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = cluster(whole, "first", lease=LEASE), cluster(whole, "second", lease=LEASE)
    real = of_clusters.remove

    def failing(runtime: Any, row: Cluster, actor: Any) -> None:
        if row.uuid == first:
            raise OSError("the disk is full")
        real(runtime, row, actor)

    with monkeypatch.context() as patched:
        patched.setattr(of_clusters, "remove", failing)
        server.watch(LEASE + PAUSE)
    assert (is_there(whole, "cluster", first), is_there(whole, "cluster", second)) == (True, False)
    assert "what had a lease could not be removed" in caplog.text
    server.watch(PAUSE)
    assert not is_there(whole, "cluster", first)
