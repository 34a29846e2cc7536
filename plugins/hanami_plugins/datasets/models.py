"""Table of datasets."""

from __future__ import annotations

from typing import Any

import peewee

from hanami_core.leases import LeasedRecord
from hanami_core.storage.blobs import bytes_of
from hanami_core.storage.database import BlobField

UPLOADING, DECODING, READY, REFUSED = "uploading", "decoding", "ready", "refused"


class Dataset(LeasedRecord):
    """A table of numbers, or the promise of one while its files are uploaded and decoded.

    `state` goes from `uploading` over `decoding` to `ready`, or to `refused` if the format does not take the files;
    `error` then tells why, and the upload may be finalised again. `decoding` is the task that decodes it, or did last.
    `blob` holds the table, None until it is ready; `rows`, `columns` and `dtype` describe it. `columns` is a JSON map
    from names to half-open ranges of values in a row.
    """

    resource = "datasets"
    format = peewee.CharField(64)
    blob = BlobField(null=True, remedy="delete it, and upload it again")
    rows = peewee.BigIntegerField(default=0)
    columns = peewee.TextField(default="{}")
    dtype = peewee.CharField(16, default="")
    state = peewee.CharField(10, default=UPLOADING)
    error = peewee.TextField(default="")
    decoding = peewee.CharField(36, null=True)

    @property
    def complete(self) -> bool:
        """Tell whether the dataset holds a table."""
        return self.blob is not None

    @classmethod
    def bytes_query(cls, mine: peewee.Expression) -> peewee.ModelSelect[Any]:
        """Return the size of the tables."""
        return bytes_of(cls.active().where(mine), cls.blob)
