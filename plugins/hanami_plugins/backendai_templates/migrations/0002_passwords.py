"""Git passwords stand beside the documents, encrypted."""

import peewee


def up(migrator, db):
    """Add the column."""
    migrator.migrate(migrator.add_column("session_template", "password", peewee.TextField(default="")))


def down(migrator, db):
    """Remove the column."""
    migrator.migrate(migrator.drop_column("session_template", "password"))
