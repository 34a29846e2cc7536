"""Datasets have tags, and a text that tells what they are about."""

import peewee


def up(migrator, db):
    """Add the columns."""
    migrator.migrate(
        migrator.add_column("dataset", "about", peewee.TextField(default="")),
        migrator.add_column("dataset", "tags", peewee.TextField(default="")),
    )


def down(migrator, db):
    """Remove the columns."""
    migrator.migrate(*(migrator.drop_column("dataset", name) for name in ("about", "tags")))
