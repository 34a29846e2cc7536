"""Calls with a key know what their answer waits for, and which process makes it."""

import peewee


def up(migrator, db):
    """Add the columns."""
    migrator.migrate(
        migrator.add_column("keyed_call", "awaits", peewee.CharField(36, default="")),
        migrator.add_column("keyed_call", "patience", peewee.DoubleField(default=0.0)),
        migrator.add_column("keyed_call", "process", peewee.CharField(96, default="")),
    )
