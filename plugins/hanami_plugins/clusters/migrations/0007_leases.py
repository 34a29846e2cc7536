"""A cluster may have a lease; those that are there have none."""

import peewee

ADDED = {"lease": peewee.IntegerField(null=True), "lease_used": peewee.DoubleField(default=0.0)}


def up(migrator, db):
    """Add the columns."""
    migrator.migrate(*(migrator.add_column("cluster", name, field) for name, field in ADDED.items()))


def down(migrator, db):
    """Remove the columns."""
    migrator.migrate(*(migrator.drop_column("cluster", name) for name in ADDED))
