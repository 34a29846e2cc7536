"""Tables of checkpoints, and of those that are on their way here as files."""

from __future__ import annotations

from typing import Any

import peewee

from hanami_core.labels import LabelledRecord
from hanami_core.storage.blobs import bytes_of
from hanami_core.storage.database import BlobField, NameField, OwnedRecord

UPLOADING, IMPORTING, REFUSED = "uploading", "importing", "refused"

RESOURCE = "checkpoints"


class Checkpoint(LabelledRecord):
    """A saved state of `size` bytes.

    `cluster` is the one that was saved, `task` the last training before that; both with the names that they had.
    `version` is the number of the cluster's stored state then; `seed`, `cycles` and `metrics`, a JSON map, are those of
    the network. An `imported` checkpoint came as a file, and what it tells of all this is what the file says.
    """

    resource = RESOURCE
    blob = BlobField(remedy="delete it, what was saved is lost")
    size = peewee.BigIntegerField(default=0)
    cluster = peewee.CharField(36, default="")
    cluster_name = NameField(default="")
    task = peewee.CharField(36, default="")
    task_name = NameField(default="")
    cycles = peewee.BigIntegerField(default=0)
    metrics = peewee.TextField(default="{}")
    seed = peewee.BigIntegerField(null=True)
    version = peewee.IntegerField(null=True)
    imported = peewee.BooleanField(default=False)

    @classmethod
    def bytes_query(cls, mine: peewee.Expression) -> peewee.ModelSelect[Any]:
        """Return the size of the saved states."""
        return bytes_of(cls.active().where(mine), cls.blob)


class Arrival(OwnedRecord):
    """A checkpoint that is uploaded; the row goes when there is a `Checkpoint` of its uuid, or the upload is given up.

    `state` goes from `uploading` to `importing`, and to `refused` if the file is no good; `error` then tells why, and
    the upload may be finalised again. `importing` is the task that looks at the file, or did last.
    """

    resource = RESOURCE
    state = peewee.CharField(10, default=UPLOADING)
    error = peewee.TextField(default="")
    importing = peewee.CharField(36, null=True)
