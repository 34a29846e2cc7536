"""Table of limits that differ from the defaults."""

import peewee


class Quota(peewee.Model):
    sequence = peewee.AutoField()
    holder_kind = peewee.CharField(10)
    holder_id = peewee.CharField(256)
    resource = peewee.CharField(64)
    amount = peewee.BigIntegerField()

    class Meta:
        legacy_table_names = False


Quota.add_index(Quota.holder_kind, Quota.holder_id, Quota.resource, unique=True)


def up(migrator, db):
    with db.bind_ctx([Quota]):
        db.create_tables([Quota], safe=False)


def down(migrator, db):
    with db.bind_ctx([Quota]):
        db.drop_tables([Quota])
