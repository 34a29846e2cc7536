"""Table of checkpoints."""

from __future__ import annotations

import peewee

from hanami_core.storage.blobs import bytes_of
from hanami_core.storage.database import BlobField, OwnedRecord


class Checkpoint(OwnedRecord):
    """A saved state."""

    resource = "checkpoints"
    blob = BlobField(remedy="delete it, what was saved is lost")

    @classmethod
    def bytes_held(cls, mine: peewee.Expression) -> int:
        """Return the size of the saved states."""
        return bytes_of(cls.active().where(mine), cls.blob)
