"""A cluster knows who holds it in direct mode, since when and how long."""

import peewee

COLUMNS = {
    "direct_by": peewee.CharField(256, default=""),
    "direct_since": peewee.DoubleField(null=True),
    "direct_until": peewee.DoubleField(null=True),
}


def up(migrator, db):
    """Add the columns."""
    migrator.migrate(*(migrator.add_column("cluster", name, field) for name, field in COLUMNS.items()))


def down(migrator, db):
    """Remove the columns."""
    migrator.migrate(*(migrator.drop_column("cluster", name) for name in COLUMNS))
