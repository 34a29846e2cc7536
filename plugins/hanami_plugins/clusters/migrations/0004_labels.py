"""Clusters have tags, and a text that tells what they are about."""

import peewee


def up(migrator, db):
    """Add the columns."""
    migrator.migrate(
        migrator.add_column("cluster", "about", peewee.TextField(default="")),
        migrator.add_column("cluster", "tags", peewee.TextField(default="")),
    )


def down(migrator, db):
    """Remove the columns."""
    migrator.migrate(*(migrator.drop_column("cluster", name) for name in ("about", "tags")))
