"""Tasks keep code and parameters of what made them fail, besides a text."""

import peewee


def up(migrator, db):
    """Add the column; tasks that failed before have their text."""
    migrator.migrate(migrator.add_column("task", "fault", peewee.TextField(default="")))
