"""Times of tasks are numbers, a blob knows the store that it lies in, and sections can be locked."""

import peewee

from hanami_core.storage.times import texts_to_numbers


class SectionLock(peewee.Model):
    """A section."""

    name = peewee.CharField(255, primary_key=True)
    entered = peewee.BigIntegerField()

    class Meta:
        legacy_table_names = False


def up(migrator, db):
    """Change the columns."""
    texts_to_numbers(migrator, "task", "started_at", null=True)
    texts_to_numbers(migrator, "task", "ended_at", null=True)
    migrator.migrate(
        migrator.alter_column_type("task", "lease_until", peewee.DoubleField()),
        migrator.add_column("blob", "store", peewee.CharField(64, default="files")),
    )
    with db.bind_ctx([SectionLock]):
        db.create_tables([SectionLock], safe=False)
