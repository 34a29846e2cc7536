"""Table of limits that differ from the defaults."""

from __future__ import annotations

import peewee

from hanami_core.storage.database import BaseModel


class Quota(BaseModel):
    """How much of a resource a user or a project may have; `holder_kind` is ``user`` or ``project``.

    A negative `amount` is no limit.
    """

    sequence = peewee.AutoField()
    holder_kind = peewee.CharField(10)
    holder_id = peewee.CharField(256)
    resource = peewee.CharField(64)
    amount = peewee.BigIntegerField()


Quota.add_index(Quota.holder_kind, Quota.holder_id, Quota.resource, unique=True)
