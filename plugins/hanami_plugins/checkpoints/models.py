"""Table of checkpoints."""

from __future__ import annotations

import peewee

from hanami_core.storage.database import OwnedRecord


class Checkpoint(OwnedRecord):
    """A saved state."""

    blob = peewee.CharField(36)
