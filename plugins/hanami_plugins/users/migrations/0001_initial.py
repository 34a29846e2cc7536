"""Tables of users and memberships."""

import peewee


class Base(peewee.Model):
    """Frozen copy of the base at this version."""

    class Meta:
        legacy_table_names = False


class User(Base):
    """A user."""

    sequence = peewee.AutoField()
    status = peewee.CharField(10, index=True)
    deleted_at = peewee.CharField(64)
    created_at = peewee.CharField(64)
    id = peewee.CharField(256)
    name = peewee.CharField(256)
    creator_id = peewee.CharField(256)
    is_admin = peewee.BooleanField()
    passphrase_hash = peewee.CharField(256)
    token_epoch = peewee.IntegerField()


class Membership(Base):
    """A place in a project."""

    sequence = peewee.AutoField()
    uuid = peewee.CharField(36, unique=True)
    user_id = peewee.CharField(256)
    project_id = peewee.CharField(256, index=True)
    role = peewee.CharField(256)
    is_project_admin = peewee.BooleanField()

    class Meta:
        indexes = ((("user_id", "project_id"), True),)


User.add_index(User.id, unique=True, where=User.status == "active")


def up(migrator, db):
    """Create the tables."""
    with db.bind_ctx([User, Membership]):
        db.create_tables([User, Membership], safe=False)


def down(migrator, db):
    """Remove the tables."""
    with db.bind_ctx([User, Membership]):
        db.drop_tables([User, Membership])
