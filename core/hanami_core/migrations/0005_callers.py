"""Tasks know who queued them by which call."""

import peewee


def up(migrator, db):
    """Add the column."""
    migrator.migrate(migrator.add_column("task", "caller", peewee.TextField(default="")))
