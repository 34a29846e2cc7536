"""Removed tasks stay in the counts of those that have ended."""

import peewee


class RemovedTasks(peewee.Model):
    state = peewee.CharField(10, primary_key=True)
    count = peewee.BigIntegerField()

    class Meta:
        legacy_table_names = False


def up(migrator, db):
    with db.bind_ctx([RemovedTasks]):
        db.create_tables([RemovedTasks], safe=False)


def down(migrator, db):
    with db.bind_ctx([RemovedTasks]):
        db.drop_tables([RemovedTasks])
