"""Tasks of a partition may yield to others, and those that do take turns."""

import peewee


class Task(peewee.Model):
    """What is needed of a task."""

    sequence = peewee.AutoField()
    partition = peewee.CharField(320)
    state = peewee.CharField(10)
    turn = peewee.BigIntegerField(null=True)

    class Meta:
        legacy_table_names = False


Task.add_index(
    Task.partition, Task.state, Task.turn, Task.sequence, where=Task.turn.is_null(False), name="task_that_yields"
)


def up(migrator, db):
    """Add the columns and the index."""
    with db.bind_ctx([Task]):
        migrator.migrate(
            migrator.add_column("task", "turn", Task.turn),
            migrator.add_column("partition", "turn", peewee.BigIntegerField(default=0)),
            migrator.add_column("partition", "owed", peewee.BooleanField(default=False)),
        )
        Task._schema.create_indexes(safe=False)
