"""Clusters and checkpoints know what they were trained with; of former trainings nobody knows."""

import peewee


class Training(peewee.Model):
    holder = peewee.CharField(36)
    number = peewee.IntegerField()
    task = peewee.CharField(36)
    name = peewee.CharField(256)
    state = peewee.CharField(10)
    rows = peewee.BigIntegerField()
    cycles = peewee.BigIntegerField()
    version = peewee.IntegerField()
    datasets = peewee.TextField()
    settings = peewee.TextField()
    ended_at = peewee.DoubleField()

    class Meta:
        legacy_table_names = False


Training.add_index(Training.holder, Training.number, unique=True, name="training_of_holder")


def up(migrator, db):
    """Add the table."""
    with db.bind_ctx([Training]):
        db.create_tables([Training], safe=False)


def down(migrator, db):
    """Remove the table."""
    with db.bind_ctx([Training]):
        db.drop_tables([Training])
