"""Times of tasks are numbers, and a blob knows the store that it lies in."""

import peewee

from hanami_core.storage.times import texts_to_numbers


def up(migrator, db):
    """Change the columns."""
    texts_to_numbers(migrator, "task", "started_at", null=True)
    texts_to_numbers(migrator, "task", "ended_at", null=True)
    migrator.migrate(
        migrator.alter_column_type("task", "lease_until", peewee.DoubleField()),
        migrator.add_column("blob", "store", peewee.CharField(64, default="files")),
    )
