"""Table of datasets."""

import peewee


class Dataset(peewee.Model):
    sequence = peewee.AutoField()
    status = peewee.CharField(10, index=True)
    deleted_at = peewee.CharField(64)
    created_at = peewee.CharField(64)
    uuid = peewee.CharField(36, unique=True)
    project_id = peewee.CharField(256, index=True)
    owner_id = peewee.CharField(256, index=True)
    visibility = peewee.CharField(10)
    name = peewee.CharField(256)
    format = peewee.CharField(64)
    blob = peewee.CharField(36, null=True)
    rows = peewee.BigIntegerField()
    columns = peewee.TextField()
    dtype = peewee.CharField(16)

    class Meta:
        legacy_table_names = False


def up(migrator, db):
    with db.bind_ctx([Dataset]):
        db.create_tables([Dataset], safe=False)


def down(migrator, db):
    with db.bind_ctx([Dataset]):
        db.drop_tables([Dataset])
