"""Tables of logins by cookie, used signatures, and what the manager was told."""

import peewee


class WebSession(peewee.Model):
    sequence = peewee.AutoField()
    cookie_hash = peewee.CharField(64, unique=True)
    user_id = peewee.CharField(256, index=True)
    mark = peewee.CharField(64)
    project_id = peewee.CharField(256)
    place = peewee.CharField(36)
    expires_at = peewee.DoubleField(index=True)

    class Meta:
        legacy_table_names = False


class UsedSignature(peewee.Model):
    signature = peewee.CharField(128, primary_key=True)
    expires_at = peewee.DoubleField(index=True)

    class Meta:
        legacy_table_names = False


class ManagerNote(peewee.Model):
    name = peewee.CharField(64, primary_key=True)
    value = peewee.TextField()

    class Meta:
        legacy_table_names = False


TABLES = [WebSession, UsedSignature, ManagerNote]


def up(migrator, db):
    with db.bind_ctx(TABLES):
        db.create_tables(TABLES, safe=False)


def down(migrator, db):
    with db.bind_ctx(TABLES):
        db.drop_tables(TABLES)
