"""The table of notes, and the order of their changes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import peewee

from hanami_core.storage.database import BlobField, OwnedRecord, exclusive


class Note(OwnedRecord):
    """A note of somebody in a project. `revision` is the number of its last change, `blob` the file attached to it."""

    text = peewee.TextField(default="")
    blob = BlobField(null=True, remedy="attach the file again")
    revision = peewee.BigIntegerField(unique=True)


@contextmanager
def changing() -> Iterator[int]:
    """Provide a transaction for one change, and its number.

    Only one change is made at a time, so whoever has seen a number has seen all that are smaller.
    """
    with exclusive("notes"):
        yield (Note.select(peewee.fn.MAX(Note.revision)).scalar() or 0) + 1
