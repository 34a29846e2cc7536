"""Tasks keep what they have measured on their way."""

import peewee


class TaskEntry(peewee.Model):
    """An entry."""

    task = peewee.CharField(36)
    position = peewee.BigIntegerField()
    epoch = peewee.IntegerField()
    seconds = peewee.DoubleField()
    measures = peewee.TextField()

    class Meta:
        legacy_table_names = False
        primary_key = peewee.CompositeKey("task", "position")


def up(migrator, db):
    """Create the table."""
    with db.bind_ctx([TaskEntry]):
        db.create_tables([TaskEntry], safe=False)


def down(migrator, db):
    """Remove the table."""
    with db.bind_ctx([TaskEntry]):
        db.drop_tables([TaskEntry])
