"""A dataset has a state, and knows the task that decodes it."""

import peewee


class Dataset(peewee.Model):
    """What is needed of a dataset."""

    sequence = peewee.AutoField()
    state = peewee.CharField(10)
    blob = peewee.CharField(36, null=True)

    class Meta:
        legacy_table_names = False


def up(migrator, db):
    """Add the columns."""
    migrator.migrate(
        migrator.add_column("dataset", "state", peewee.CharField(10, default="uploading")),
        migrator.add_column("dataset", "error", peewee.TextField(default="")),
        migrator.add_column("dataset", "decoding", peewee.CharField(36, null=True)),
    )
    with db.bind_ctx([Dataset]):
        Dataset.update(state="ready").where(Dataset.blob.is_null(False)).execute()


def down(migrator, db):
    """Remove the columns."""
    migrator.migrate(*(migrator.drop_column("dataset", name) for name in ("state", "error", "decoding")))
