"""Two calls that delete the same thing, both of which have found it before one of them writes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hanami_core.access import Access
from hanami_core.queue import Task
from hanami_core.storage.blobs import Blob
from hanami_core.storage.database import atomic
from hanami_plugins.checkpoints.models import Checkpoint
from hanami_plugins.clusters import Cluster
from hanami_plugins.datasets import Dataset
from hanami_plugins.tasks import service as task_service
from hanami_plugins.users import Membership, User
from tests.whole import ADMIN, Whole

OWNED = {"name": "a thing", "owner_id": ADMIN[0], "project_id": "admin"}


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[Whole]:
    with Whole(tmp_path) as opened:
        yield opened


@pytest.fixture
def blob(whole: Whole) -> str:
    """The network of somebody else's cluster, with one reference."""
    with whole.runtime.blobs.staging() as path:
        path.write_bytes(b"a network")
        with atomic():
            name = whole.runtime.blobs.link(path)
            owned = {"name": "loaded it", "owner_id": "other", "project_id": "elsewhere"}
            Cluster.create(**owned, template="", host="cpu0", seed=1, blob=name)
    return name


def checkpoint(whole: Whole, blob: str) -> dict[str, str]:
    return {"uuid": Checkpoint.create(**OWNED, blob=whole.runtime.blobs.incref(blob)).uuid}


def cluster(whole: Whole, blob: str) -> dict[str, str]:
    row = Cluster.create(**OWNED, template="", host="cpu0", seed=1, blob=whole.runtime.blobs.incref(blob))
    whole.runtime.queue.create_partition(row.uuid, "cpu0")
    return {"uuid": row.uuid}


def dataset(whole: Whole, blob: str) -> dict[str, str]:
    return {"uuid": Dataset.create(**OWNED, format="csv", blob=whole.runtime.blobs.incref(blob)).uuid}


def user(whole: Whole, blob: str) -> dict[str, str]:
    whole.member("mia_")
    return {"id": "mia_"}


def project(whole: Whole, blob: str) -> dict[str, str]:
    whole.call("POST", "project", id="digits", name="digits")
    return {"id": "digits"}


class Meeting:
    """Lets calls that have read a row go on when so many of them have."""

    def __init__(self, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
        barrier, read = threading.Barrier(count), Access.get

        def get(*args: Any) -> Any:
            row = read(*args)
            barrier.wait(10)
            return row

        monkeypatch.setattr(Access, "get", get)


def at_once(whole: Whole, noun: str, what: dict[str, str], count: int = 2) -> list[tuple[int, str]]:
    """Delete something in several threads and return all answers, the best first."""
    answers: list[tuple[int, str]] = []

    def delete() -> None:
        answer = whole.call("DELETE", noun, **what)
        answers.append((answer.status_code, answer.text))
        whole.runtime.database.disconnect()

    threads = [threading.Thread(target=delete) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(answers)


@pytest.mark.parametrize("make", [checkpoint, cluster, user, project])
def test_one_deletes_and_the_others_find_nothing(
    whole: Whole, blob: str, make: Callable[[Whole, str], dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    noun, what = make.__name__, make(whole, blob)
    with monkeypatch.context() as patched:
        Meeting(3, patched)
        first, *rest = at_once(whole, noun, what, 3)
    gone = whole.call("DELETE", noun, **what)
    assert gone.status_code == 404
    assert first == (200, "{}")
    assert rest == [(404, gone.text)] * 2
    assert Blob.get(Blob.uuid == blob).references == 1
    with whole.runtime.blobs.open(blob) as path:
        assert path.read_bytes() == b"a network"


@pytest.mark.parametrize("make", [checkpoint, cluster, dataset])
def test_a_row_that_was_read_before_it_was_deleted_releases_nothing(
    whole: Whole, blob: str, make: Callable[[Whole, str], dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    noun, what = make.__name__, make(whole, blob)
    model = {"checkpoint": Checkpoint, "cluster": Cluster, "dataset": Dataset}[noun]
    stale = model.get(model.uuid == what["uuid"])
    assert whole.call("DELETE", noun, **what).status_code == 200
    monkeypatch.setattr(Access, "get", lambda *_: stale)
    assert whole.call("DELETE", noun, **what).status_code == 404
    assert Blob.get(Blob.uuid == blob).references == 1


@pytest.mark.parametrize("noun", ["user", "project"])
def test_whoever_has_the_identifier_now_keeps_the_place(
    whole: Whole, noun: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole.member("mia_", "digits")
    what = {"id": {"user": "mia_", "project": "digits"}[noun]}
    model = whole.runtime.models[noun]
    stale = model.get(model.id == what["id"])
    assert whole.call("DELETE", noun, **what).status_code == 200
    whole.member("mia_", "digits")
    assert Membership.select().where(Membership.user_id == "mia_").count() == 1
    monkeypatch.setattr(Access, "get", lambda *_: stale)
    assert whole.call("DELETE", noun, **what).status_code == 404
    assert Membership.select().where(Membership.user_id == "mia_").count() == 1
    assert User.active().where(User.id == "mia_").exists()


def test_a_task_is_removed_from_the_list_once(whole: Whole, blob: str, monkeypatch: pytest.MonkeyPatch) -> None:
    partition = cluster(whole, blob)["uuid"]
    row = Task.create(**OWNED, kind="train", partition=partition, payload="{}", state="finished", total_cycles=1)
    what = {"uuid": row.uuid, "cluster_uuid": partition}
    stale = Task.get(Task.uuid == row.uuid)
    assert whole.call("DELETE", "task", **what).status_code == 200
    gone = whole.call("DELETE", "task", **what)
    monkeypatch.setattr(task_service, "get_task", lambda *_: stale)
    again = whole.call("DELETE", "task", **what)
    assert (again.status_code, again.text) == (gone.status_code, gone.text)
    assert gone.status_code == 404
