"""Table of notes."""

import peewee


class Note(peewee.Model):
    """A note, as it was when this was written; what Hanami changes in its own columns later, it changes here, too."""

    sequence = peewee.AutoField()
    status = peewee.CharField(10, index=True)
    deleted_at = peewee.DoubleField(null=True)
    created_at = peewee.DoubleField()
    uuid = peewee.CharField(36, unique=True)
    project_id = peewee.CharField(256, index=True)
    owner_id = peewee.CharField(256, index=True)
    visibility = peewee.CharField(10)
    name = peewee.CharField(256)
    text = peewee.TextField()
    blob = peewee.CharField(36, null=True)
    revision = peewee.BigIntegerField(unique=True)

    class Meta:
        legacy_table_names = False


def up(migrator, db):
    """Create the table."""
    with db.bind_ctx([Note]):
        db.create_tables([Note], safe=False)


def down(migrator, db):
    """Remove the table."""
    with db.bind_ctx([Note]):
        db.drop_tables([Note])
