"""What becomes of a thread's database connection after an error."""

from __future__ import annotations

import contextlib

import peewee

__all__ = ["reset"]


def reset(database: peewee.Database) -> None:
    """Close this thread's connection, so that the next query opens a new one.

    Connections are kept for the life of a thread; one that a database server has ended would fail for ever.
    """
    with contextlib.suppress(peewee.PeeweeException):
        if not database.is_closed():
            database.close()
