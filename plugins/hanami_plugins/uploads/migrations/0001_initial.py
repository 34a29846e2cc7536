"""Table of uploads."""

import peewee


class Upload(peewee.Model):
    sequence = peewee.AutoField()
    status = peewee.CharField(10, index=True)
    deleted_at = peewee.CharField(64)
    created_at = peewee.CharField(64)
    uuid = peewee.CharField(36, unique=True)
    project_id = peewee.CharField(256, index=True)
    owner_id = peewee.CharField(256, index=True)
    visibility = peewee.CharField(10)
    name = peewee.CharField(256)
    related_uuid = peewee.CharField(36, index=True)
    size = peewee.BigIntegerField()

    class Meta:
        legacy_table_names = False


def up(migrator, db):
    with db.bind_ctx([Upload]):
        db.create_tables([Upload], safe=False)


def down(migrator, db):
    with db.bind_ctx([Upload]):
        db.drop_tables([Upload])
