"""A checkpoint knows the seed of its network, the version of the state that was saved, and whether it came as a file.

Of older ones none of it is known.
"""

import peewee

ADDED = {
    "seed": peewee.BigIntegerField(null=True),
    "version": peewee.IntegerField(null=True),
    "imported": peewee.BooleanField(default=False),
}


def up(migrator, db):
    """Add the columns."""
    migrator.migrate(*(migrator.add_column("checkpoint", name, field) for name, field in ADDED.items()))


def down(migrator, db):
    """Remove the columns."""
    migrator.migrate(*(migrator.drop_column("checkpoint", name) for name in ADDED))
