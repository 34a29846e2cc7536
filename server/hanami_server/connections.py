"""What becomes of a thread's database connection after an error."""

from __future__ import annotations

import contextlib

import peewee

from hanami_core.storage.contract import Database

__all__ = ["reset"]


def reset(database: Database) -> None:
    """Close this thread's connection, so that the next query opens a new one.

    Connections are kept for the life of a thread; one that a database server has ended would fail for ever.
    """
    with contextlib.suppress(peewee.PeeweeException):
        database.disconnect()
