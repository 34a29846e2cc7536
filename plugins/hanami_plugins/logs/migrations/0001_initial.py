"""Tables of the audit log and of the error log."""

import peewee


class AuditLog(peewee.Model):
    sequence = peewee.AutoField()
    created_at = peewee.CharField(64)
    user_id = peewee.CharField(256)
    endpoint = peewee.CharField(1024)
    request_type = peewee.CharField(16)

    class Meta:
        legacy_table_names = False


class ErrorLog(peewee.Model):
    sequence = peewee.AutoField()
    created_at = peewee.CharField(64)
    user_id = peewee.CharField(256)
    component = peewee.CharField(128)
    context = peewee.TextField()
    input_values = peewee.TextField()
    message = peewee.TextField()

    class Meta:
        legacy_table_names = False


AuditLog.add_index(AuditLog.user_id, AuditLog.sequence)
ErrorLog.add_index(ErrorLog.user_id, ErrorLog.sequence)


def up(migrator, db):
    with db.bind_ctx([AuditLog, ErrorLog]):
        db.create_tables([AuditLog, ErrorLog], safe=False)


def down(migrator, db):
    with db.bind_ctx([AuditLog, ErrorLog]):
        db.drop_tables([AuditLog, ErrorLog])
