"""Table of key pairs."""

import peewee


class KeyPair(peewee.Model):
    sequence = peewee.AutoField()
    status = peewee.CharField(10, index=True)
    deleted_at = peewee.DoubleField(null=True)
    created_at = peewee.DoubleField()
    access_key = peewee.CharField(20, unique=True)
    sealed = peewee.CharField(128)
    owner_id = peewee.CharField(256, index=True)
    owner_uid = peewee.CharField(64)
    project_id = peewee.CharField(256, index=True)
    place = peewee.CharField(36)
    is_active = peewee.BooleanField()
    last_used_at = peewee.DoubleField(null=True)
    description = peewee.CharField(256)

    class Meta:
        legacy_table_names = False


def up(migrator, db):
    with db.bind_ctx([KeyPair]):
        db.create_tables([KeyPair], safe=False)


def down(migrator, db):
    with db.bind_ctx([KeyPair]):
        db.drop_tables([KeyPair])
