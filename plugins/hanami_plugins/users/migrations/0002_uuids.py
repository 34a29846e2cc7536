"""Users can be looked up by the UUID that follows from their id."""

import uuid

import peewee

NAMESPACE = uuid.UUID("5f0f6a3e-6d5b-5c0e-9f3a-2f1d7c1e9b64")


class User(peewee.Model):
    """A user, as far as this step needs to know."""

    sequence = peewee.AutoField()
    status = peewee.CharField(10)
    id = peewee.CharField(256)
    uuid = peewee.CharField(36)

    class Meta:
        legacy_table_names = False


User.add_index(User.uuid, unique=True, where=User.status == "active")


def up(migrator, db):
    """Add the column, fill it, and let it be searched."""
    migrator.migrate(migrator.add_column("user", "uuid", peewee.CharField(36, default="")))
    with db.bind_ctx([User]):
        for user in list(User.select(User.sequence, User.id)):
            value = str(uuid.uuid5(NAMESPACE, f"user/{user.id}"))
            User.update(uuid=value).where(User.sequence == user.sequence).execute()
        User._schema.create_indexes(safe=False)


def down(migrator, db):
    """Remove the column."""
    migrator.migrate(migrator.drop_index("user", "user_uuid"), migrator.drop_column("user", "uuid"))
