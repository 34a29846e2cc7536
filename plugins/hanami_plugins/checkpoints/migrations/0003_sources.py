"""A checkpoint knows its size, and what it was saved of; of older ones only the size is known."""

import peewee

ADDED = {
    "size": peewee.BigIntegerField(default=0),
    "cluster": peewee.CharField(36, default=""),
    "cluster_name": peewee.CharField(256, default=""),
    "task": peewee.CharField(36, default=""),
    "task_name": peewee.CharField(256, default=""),
    "cycles": peewee.BigIntegerField(default=0),
    "metrics": peewee.TextField(default="{}"),
}


class Checkpoint(peewee.Model):
    """What is needed of a checkpoint."""

    sequence = peewee.AutoField()
    blob = peewee.CharField(36)
    size = peewee.BigIntegerField()

    class Meta:
        legacy_table_names = False


class Blob(peewee.Model):
    """What is needed of a blob."""

    uuid = peewee.CharField(36, primary_key=True)
    size = peewee.BigIntegerField()

    class Meta:
        legacy_table_names = False


def up(migrator, db):
    """Add the columns."""
    migrator.migrate(*(migrator.add_column("checkpoint", name, field) for name, field in ADDED.items()))
    with db.bind_ctx([Checkpoint, Blob]):
        size = Blob.select(peewee.fn.COALESCE(peewee.fn.MAX(Blob.size), 0)).where(Blob.uuid == Checkpoint.blob)
        Checkpoint.update(size=size).execute()


def down(migrator, db):
    """Remove the columns."""
    migrator.migrate(*(migrator.drop_column("checkpoint", name) for name in ADDED))
