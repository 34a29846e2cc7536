"""Calls with a key are remembered with their answers."""

import peewee


class KeyedCall(peewee.Model):
    """A call."""

    key = peewee.CharField(64, primary_key=True)
    fingerprint = peewee.CharField(64)
    created_at = peewee.DoubleField(index=True)
    status = peewee.IntegerField(null=True)
    headers = peewee.TextField()
    body = peewee.BlobField(null=True)

    class Meta:
        legacy_table_names = False


def up(migrator, db):
    """Create the table."""
    with db.bind_ctx([KeyedCall]):
        db.create_tables([KeyedCall], safe=False)


def down(migrator, db):
    """Remove the table."""
    with db.bind_ctx([KeyedCall]):
        db.drop_tables([KeyedCall])
