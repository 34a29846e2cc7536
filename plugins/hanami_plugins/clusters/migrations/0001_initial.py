"""Table of clusters."""

import peewee


class Cluster(peewee.Model):
    sequence = peewee.AutoField()
    status = peewee.CharField(10, index=True)
    deleted_at = peewee.CharField(64)
    created_at = peewee.CharField(64)
    uuid = peewee.CharField(36, unique=True)
    project_id = peewee.CharField(256, index=True)
    owner_id = peewee.CharField(256, index=True)
    visibility = peewee.CharField(10)
    name = peewee.CharField(256)
    template = peewee.TextField()
    seed = peewee.BigIntegerField()
    host = peewee.CharField(64)
    mode = peewee.CharField(10)
    blob = peewee.CharField(36, null=True)
    version = peewee.IntegerField()
    inputs = peewee.TextField()
    outputs = peewee.TextField()
    cycles = peewee.BigIntegerField()
    blocks = peewee.BigIntegerField()
    sections = peewee.BigIntegerField()
    metrics = peewee.TextField()

    class Meta:
        legacy_table_names = False


def up(migrator, db):
    with db.bind_ctx([Cluster]):
        db.create_tables([Cluster], safe=False)


def down(migrator, db):
    with db.bind_ctx([Cluster]):
        db.drop_tables([Cluster])
