"""A cluster knows when its state was stored; of older states nobody knows."""

import peewee


def up(migrator, db):
    """Add the column."""
    migrator.migrate(migrator.add_column("cluster", "stored_at", peewee.DoubleField(null=True)))


def down(migrator, db):
    """Remove the column."""
    migrator.migrate(migrator.drop_column("cluster", "stored_at"))
