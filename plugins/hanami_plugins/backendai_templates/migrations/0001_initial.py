"""Table of session templates."""

import peewee


class SessionTemplate(peewee.Model):
    sequence = peewee.AutoField()
    uuid = peewee.CharField(36, unique=True)
    created_at = peewee.DoubleField()
    owner_id = peewee.CharField(256, index=True)
    owner_mark = peewee.CharField(64)
    project_id = peewee.CharField(256, index=True)
    project_mark = peewee.CharField(64)
    name = peewee.CharField(256)
    document = peewee.TextField()

    class Meta:
        legacy_table_names = False


def up(migrator, db):
    with db.bind_ctx([SessionTemplate]):
        db.create_tables([SessionTemplate], safe=False)


def down(migrator, db):
    with db.bind_ctx([SessionTemplate]):
        db.drop_tables([SessionTemplate])
