"""Checkpoints can be uploaded."""

import peewee


class Arrival(peewee.Model):
    sequence = peewee.AutoField()
    status = peewee.CharField(10, index=True)
    deleted_at = peewee.DoubleField(null=True)
    created_at = peewee.DoubleField()
    uuid = peewee.CharField(36, unique=True)
    project_id = peewee.CharField(256, index=True)
    owner_id = peewee.CharField(256, index=True)
    visibility = peewee.CharField(10)
    name = peewee.CharField(256)
    state = peewee.CharField(10)
    error = peewee.TextField()
    importing = peewee.CharField(36, null=True)

    class Meta:
        legacy_table_names = False


def up(migrator, db):
    with db.bind_ctx([Arrival]):
        db.create_tables([Arrival], safe=False)


def down(migrator, db):
    with db.bind_ctx([Arrival]):
        db.drop_tables([Arrival])
