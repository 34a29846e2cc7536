"""Tables of clusters, and of what they were trained with."""

from __future__ import annotations

from typing import Any

import peewee

from hanami_core.leases import LeasedRecord
from hanami_core.queue import Partition, Task
from hanami_core.storage.blobs import bytes_of
from hanami_core.storage.database import ACTIVE, BaseModel, BlobField, NameField

TASK_MODE, DIRECT_MODE = "TASK", "DIRECT"


class Cluster(LeasedRecord):
    """A cluster and its last stored state.

    In direct mode, `direct_by` is the user who has switched to it, `direct_since` and `direct_until` are when that was,
    and when it ends if no client is connected, see `direct_lease`.

    `template` is the JSON of a `Template`, or empty for a cluster that waits for its first training or a checkpoint.
    `blob` is the stored state, None while the network has seen nothing; `version` counts stored states, `stored_at` is
    when the last one came, in seconds since 1970, or None of a state that is older than this column. `inputs` and
    `outputs` are JSON maps from interface names to numbers of values, empty until data came. `metrics` is a JSON map of
    what the rule set tells of its network, as fresh as the last report of a running training.
    """

    resource = "clusters"
    template = peewee.TextField()
    seed = peewee.BigIntegerField()
    host = peewee.CharField(64)
    mode = peewee.CharField(10, default=TASK_MODE)
    direct_by = peewee.CharField(256, default="")
    direct_since = peewee.DoubleField(null=True)
    direct_until = peewee.DoubleField(null=True)
    blob = BlobField(null=True, remedy="load a checkpoint into it, or delete it")
    version = peewee.IntegerField(default=0)
    stored_at = peewee.DoubleField(null=True)
    inputs = peewee.TextField(default="{}")
    outputs = peewee.TextField(default="{}")
    cycles = peewee.BigIntegerField(default=0)
    blocks = peewee.BigIntegerField(default=0)
    sections = peewee.BigIntegerField(default=0)
    metrics = peewee.TextField(default="{}")
    pending: Task | None = None
    """Not stored: tells whoever has changed the cluster which task is still to finish that."""

    @classmethod
    def holding(cls) -> object:
        """Return the condition of all rows: a deleted cluster keeps its state until its last task has ended."""
        return peewee.SQL("1 = 1")

    @classmethod
    def forgettable(cls) -> peewee.Expression | None:
        """Keep a cluster whose state, or whose queue, is still needed by a task that survives it."""
        condition: peewee.Expression = cls.blob.is_null() & cls.uuid.not_in(Partition.select(Partition.key))
        return condition

    @classmethod
    def count_by_host(cls) -> dict[tuple[str, str], int]:
        """Return how many clusters there are, by host and mode."""
        query = cls.select(cls.host, cls.mode, peewee.fn.COUNT(cls.uuid)).where(cls.status == ACTIVE)
        rows = query.group_by(cls.host, cls.mode).tuples().iterator()
        return {(host, mode): count for host, mode, count in rows}

    @classmethod
    def bytes_query(cls, mine: peewee.Expression) -> peewee.ModelSelect[Any]:
        """Return the size of the stored states."""
        return bytes_of(cls.active().where(mine), cls.blob)


class Training(BaseModel):
    """A training that is part of what a network knows; `holder` is the cluster or the checkpoint that has the network.

    Each holder has rows of its own, which stay when the task, its datasets or other holders go. `number` counts them
    from 1 on. `task` is the uuid of the task and `name` what it was called, `state` how it ended, `rows` how many it
    has trained. `cycles` and `version` are those of the cluster afterwards. `datasets` is a JSON list of pairs of uuid
    and name, `settings` a JSON map of what else the training was told. `imported` tells that it took place elsewhere.
    """

    holder = peewee.CharField(36)
    number = peewee.IntegerField()
    task = peewee.CharField(36)
    name = NameField()
    state = peewee.CharField(10)
    rows = peewee.BigIntegerField()
    cycles = peewee.BigIntegerField()
    version = peewee.IntegerField()
    datasets = peewee.TextField()
    settings = peewee.TextField()
    ended_at = peewee.DoubleField()
    imported = peewee.BooleanField(default=False)


Training.add_index(Training.holder, Training.number, unique=True, name="training_of_holder")
