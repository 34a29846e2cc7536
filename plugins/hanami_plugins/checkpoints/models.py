"""Table of checkpoints."""

from __future__ import annotations

from hanami_core.storage.database import BlobField, OwnedRecord


class Checkpoint(OwnedRecord):
    """A saved state."""

    blob = BlobField(remedy="delete it, what was saved is lost")
