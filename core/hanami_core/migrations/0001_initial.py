"""Tables of the queue and of the blobs."""

import peewee


class Base(peewee.Model):
    """Frozen copy of the base at this version."""

    class Meta:
        legacy_table_names = False


class Lane(Base):
    """A FIFO."""

    key = peewee.CharField(36, primary_key=True)
    host = peewee.CharField(64, index=True)
    held = peewee.BooleanField()


class Task(Base):
    """A task."""

    sequence = peewee.AutoField()
    status = peewee.CharField(10, index=True)
    deleted_at = peewee.CharField(64)
    created_at = peewee.CharField(64)
    uuid = peewee.CharField(36, unique=True)
    project_id = peewee.CharField(256, index=True)
    owner_id = peewee.CharField(256, index=True)
    visibility = peewee.CharField(10)
    name = peewee.CharField(256)
    kind = peewee.CharField(32)
    lane = peewee.CharField(36, index=True)
    payload = peewee.TextField()
    state = peewee.CharField(10, index=True)
    current_cycle = peewee.BigIntegerField()
    total_cycles = peewee.BigIntegerField()
    cursor = peewee.BigIntegerField()
    started_at = peewee.CharField(64)
    ended_at = peewee.CharField(64)
    error = peewee.TextField()
    blobs = peewee.TextField()
    lease_owner = peewee.CharField(64)
    lease_boot = peewee.CharField(64)
    lease_until = peewee.FloatField()
    fence = peewee.IntegerField()


class Blob(Base):
    """A blob."""

    uuid = peewee.CharField(36, primary_key=True)
    size = peewee.BigIntegerField()
    sha256 = peewee.CharField(64)
    references = peewee.IntegerField()


def up(migrator, db):
    """Create the tables."""
    with db.bind_ctx([Lane, Task, Blob]):
        db.create_tables([Lane, Task, Blob], safe=False)


def down(migrator, db):
    """Remove the tables."""
    with db.bind_ctx([Lane, Task, Blob]):
        db.drop_tables([Task, Lane, Blob])
