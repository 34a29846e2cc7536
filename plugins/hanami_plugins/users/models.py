"""Tables of users and of their memberships in projects."""

from __future__ import annotations

import uuid

import peewee

from hanami_core.ids import new_uuid
from hanami_core.storage.database import ACTIVE, BaseModel, NameField, Record

NAMESPACE = uuid.UUID("5f0f6a3e-6d5b-5c0e-9f3a-2f1d7c1e9b64")


def user_uuid(user_id: str) -> str:
    """Return the UUID by which some protocols name a user. It follows from the id, so a later user of it has the same.

    RFC 9562, version 5.
    """
    return str(uuid.uuid5(NAMESPACE, f"user/{user_id}"))


class User(Record):
    """A user. `id` is unique among active rows; `passphrase_hash` never leaves the plugin.

    `uuid` is `user_uuid` of the id, so that it can be looked up.
    """

    id = peewee.CharField(256)
    name = NameField()
    creator_id = peewee.CharField(256)
    is_admin = peewee.BooleanField(default=False)
    passphrase_hash = peewee.CharField(256)
    token_epoch = peewee.IntegerField(default=0)
    uuid = peewee.CharField(36)

    @property
    def login_mark(self) -> str:
        """What a login is bound to: this row, not a later user of the same id, and its current passphrase."""
        return login_mark(self.sequence, self.token_epoch)


def login_mark(sequence: int, epoch: int) -> str:
    """Return `User.login_mark` of the row with a sequence and an epoch."""
    return f"{sequence}.{epoch}"


class Membership(BaseModel):
    """The membership of a user in a project. `uuid` tells it from an earlier one in the same project."""

    sequence = peewee.AutoField()
    uuid = peewee.CharField(36, unique=True, default=new_uuid)
    user_id = peewee.CharField(256)
    project_id = peewee.CharField(256, index=True)
    role = peewee.CharField(256)
    is_project_admin = peewee.BooleanField(default=False)

    class Meta:
        """One membership in each project."""

        indexes = ((("user_id", "project_id"), True),)


User.add_index(User.id, unique=True, where=User.status == ACTIVE)
User.add_index(User.uuid, unique=True, where=User.status == ACTIVE)
