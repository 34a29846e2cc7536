"""Table of projects."""

import peewee


class Project(peewee.Model):
    """A project."""

    sequence = peewee.AutoField()
    status = peewee.CharField(10, index=True)
    deleted_at = peewee.CharField(64)
    created_at = peewee.CharField(64)
    id = peewee.CharField(256)
    name = peewee.CharField(256)
    creator_id = peewee.CharField(256)

    class Meta:
        legacy_table_names = False


Project.add_index(Project.id, unique=True, where=Project.status == "active")


def up(migrator, db):
    """Create the table."""
    with db.bind_ctx([Project]):
        db.create_tables([Project], safe=False)


def down(migrator, db):
    """Remove the table."""
    with db.bind_ctx([Project]):
        db.drop_tables([Project])
