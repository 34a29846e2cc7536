"""Table of the best epochs of trainings with validation."""

import peewee


class BestEpoch(peewee.Model):
    sequence = peewee.AutoField()
    status = peewee.CharField(10, index=True)
    deleted_at = peewee.DoubleField(null=True)
    created_at = peewee.DoubleField()
    task = peewee.CharField(36, unique=True)
    epoch = peewee.IntegerField()
    loss = peewee.DoubleField()
    blob = peewee.CharField(36)
    metrics = peewee.TextField()
    epochs = peewee.IntegerField()

    class Meta:
        legacy_table_names = False


def up(migrator, db):
    with db.bind_ctx([BestEpoch]):
        db.create_tables([BestEpoch], safe=False)


def down(migrator, db):
    with db.bind_ctx([BestEpoch]):
        db.drop_tables([BestEpoch])
