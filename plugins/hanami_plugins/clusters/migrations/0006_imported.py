"""A training tells whether it took place elsewhere, and came with the file of a checkpoint."""

import peewee


def up(migrator, db):
    """Add the column."""
    migrator.migrate(migrator.add_column("training", "imported", peewee.BooleanField(default=False)))


def down(migrator, db):
    """Remove the column."""
    migrator.migrate(migrator.drop_column("training", "imported"))
