"""Lanes become partitions that know which of their tasks is next; tasks get a priority and count their attempts."""

import peewee


class Base(peewee.Model):
    """Frozen copy of the base at this version."""

    class Meta:
        legacy_table_names = False


class Partition(Base):
    """A FIFO."""

    key = peewee.CharField(320, primary_key=True)
    host = peewee.CharField(64)
    head = peewee.BigIntegerField(null=True)
    paused = peewee.BooleanField()
    closed = peewee.BooleanField()
    enqueued = peewee.BigIntegerField()


class Task(Base):
    """What is needed of a task."""

    sequence = peewee.AutoField()
    partition = peewee.CharField(320, default="")
    state = peewee.CharField(10)


Partition.add_index(Partition.host, Partition.head, where=Partition.head.is_null(False), name="partition_ready")
Task.add_index(Task.partition, Task.state, Task.sequence, name="task_of_partition")

HEADS = """
UPDATE "partition" SET head = (
    SELECT MIN(task.sequence) FROM task
    WHERE task."partition" = "partition".key
    AND (task.state = 'active' OR (task.state = 'queued' AND NOT "partition".paused))
)
"""


def up(migrator, db):
    """Copy the lanes, rename the column of tasks, and note the heads."""
    with db.bind_ctx([Partition, Task]):
        db.create_tables([Partition], safe=False)
        db.execute_sql(
            'INSERT INTO "partition" (key, host, paused, closed, enqueued) SELECT key, host, held, false, 0 FROM lane'
        )
        db.execute_sql("DROP TABLE lane")
        migrator.migrate(
            migrator.drop_index("task", "task_lane"),
            migrator.add_column("task", "partition", Task.partition),
            migrator.add_column("task", "priority", peewee.IntegerField(default=0)),
            migrator.add_column("task", "attempts", peewee.IntegerField(default=0)),
        )
        db.execute_sql('UPDATE task SET "partition" = lane')
        migrator.migrate(migrator.drop_column("task", "lane"))
        Task._schema.create_indexes(safe=False)
        db.execute_sql(HEADS)
