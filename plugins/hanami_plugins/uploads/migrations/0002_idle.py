"""An upload knows for how long nothing has arrived."""

import peewee


def up(migrator, db):
    """Add the columns."""
    migrator.migrate(
        migrator.add_column("upload", "idle", peewee.DoubleField(default=0.0)),
        migrator.add_column("upload", "mark", peewee.DoubleField(default=0.0)),
    )


def down(migrator, db):
    """Remove the columns."""
    migrator.migrate(migrator.drop_column("upload", "idle"), migrator.drop_column("upload", "mark"))
