"""The table of the best epochs of trainings with validation."""

from __future__ import annotations

from typing import Any

import peewee

from hanami_core.storage.database import BlobField, Record

__all__ = ["OUTLIERS", "BestEpoch"]

OUTLIERS = "outlier_rows"
"""What a network calls rows of a training that have a value far from all others."""


class BestEpoch(Record):
    """The epoch of a training after which the rows held back were answered best.

    `blob` is the network as it was then, held until the task ends. `metrics` is what the network told of itself, JSON.
    `epochs` is how many were run, known at the end.
    """

    identity = "task"
    task = peewee.CharField(36, unique=True)
    epoch = peewee.IntegerField()
    loss = peewee.DoubleField()
    blob = BlobField(remedy="delete the task, or let it end")
    metrics = peewee.TextField()
    epochs = peewee.IntegerField(default=0)

    @classmethod
    def forgettable(cls) -> Any:
        """Remove rows of tasks that have ended."""
        return cls.status != "active"
