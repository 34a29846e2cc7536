"""Table of datasets."""

from __future__ import annotations

import peewee

from hanami_core.storage.database import OwnedRecord


class Dataset(OwnedRecord):
    """A table of numbers, or the promise of one while its files are uploaded.

    `blob` holds the table, None until the upload is finalised; `rows`, `columns` and `dtype` describe it. `columns` is
    a JSON map from names to half-open ranges of values in a row.
    """

    format = peewee.CharField(64)
    blob = peewee.CharField(36, null=True)
    rows = peewee.BigIntegerField(default=0)
    columns = peewee.TextField(default="{}")
    dtype = peewee.CharField(16, default="")

    @property
    def complete(self) -> bool:
        """Tell whether the dataset holds a table."""
        return self.blob is not None
