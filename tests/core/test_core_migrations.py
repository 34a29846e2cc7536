"""Tables of the queue: what migrations make of an old database, and of a new one."""

from __future__ import annotations

from pathlib import Path

import peewee

from hanami_core.queue import Partition, Task, partitions
from hanami_plugins.users import User, user_uuid
from tests.core.test_base_columns import first_edition, insert
from tests.whole import Whole


def task(db: peewee.Database, uuid: str, lane: str, state: str) -> None:
    owned = {"owner_id": "o", "project_id": "p", "name": uuid, "kind": "train", "payload": "{}", "blobs": "[]"}
    insert(db, "task", uuid=uuid, lane=lane, state=state, started_at="-", ended_at="-", **owned)


def test_lanes_of_the_first_edition_become_partitions(tmp_path: Path) -> None:
    db = first_edition(tmp_path)
    for lane, held in (("idle", 0), ("busy", 0), ("held", 1), ("held, running", 1)):
        insert(db, "lane", key=lane, host="cpu0", held=held)
    states = {"busy": ("finished", "active", "queued"), "held": ("queued",), "held, running": ("active", "queued")}
    for lane, found in states.items():
        for number, state in enumerate(found):
            task(db, f"{lane} {number}", lane, state)
    db.close()
    with Whole(tmp_path):
        heads = {p.key: p.head and Task.get(Task.sequence == p.head).uuid for p in Partition.select()}
        assert heads == {"idle": None, "busy": "busy 1", "held": None, "held, running": "held, running 0"}
        assert {p.key for p in Partition.select().where(Partition.paused)} == {"held", "held, running"}
        assert {t.partition for t in Task.select()} == set(states)
        assert {t.attempts for t in Task.select()} == {0}
        assert partitions.doubtful() == []


def test_users_of_the_first_edition_can_be_found_by_uuid(tmp_path: Path) -> None:
    db = first_edition(tmp_path)
    for id, status in (("ada", "deleted"), ("ada", "active"), ("grace", "active")):
        insert(db, "user", id=id, status=status, name=id)
    db.close()
    with Whole(tmp_path):
        found = {user.id: user.uuid for user in User.active().where(User.id.in_(("ada", "grace")))}
        assert found == {id: user_uuid(id) for id in ("ada", "grace")}
