"""Table of uploads."""

from __future__ import annotations

import peewee

from hanami_core.storage.database import OwnedRecord


class Upload(OwnedRecord):
    """A file that is being sent: `size` bytes for the part `name` of the resource `related_uuid`.

    The row goes when the resource has taken the file over, or when nobody went on sending for too long.
    """

    related_uuid = peewee.CharField(36, index=True)
    size = peewee.BigIntegerField()
