"""Table of uploads."""

from __future__ import annotations

from typing import Any

import peewee

from hanami_core.storage.database import OwnedRecord


class Upload(OwnedRecord):
    """A file that is being sent: `size` bytes for the part `name` of the resource `related_uuid`.

    The row goes when the resource has taken the file over, or when nobody went on sending for too long. `idle` is for
    how many seconds of a running server nothing has arrived, `mark` what the last look found, to be compared with.
    """

    related_uuid = peewee.CharField(36, index=True)
    size = peewee.BigIntegerField()
    idle = peewee.DoubleField(default=0.0)
    mark = peewee.DoubleField(default=0.0)

    @classmethod
    def bytes_query(cls, mine: peewee.Expression) -> peewee.ModelSelect[Any]:
        """Return what the files take when they have arrived."""
        return cls.active().where(mine).order_by().select(peewee.fn.SUM(cls.size))
