"""Table of key pairs."""

from __future__ import annotations

import peewee

from hanami_core.storage.database import NameField, Record


class KeyPair(Record):
    """An access key and its secret key, which is encrypted. A pair that is deleted leaves no row.

    `owner_uid` is the `Account.lasting_mark` of its user, `place` the uuid of the membership that its requests work in;
    the pair identifies nobody without either of them.
    """

    identity = "access_key"
    access_key = peewee.CharField(20, unique=True)
    sealed = peewee.CharField(128)
    owner_id = peewee.CharField(256, index=True)
    owner_uid = peewee.CharField(64)
    project_id = peewee.CharField(256, index=True)
    place = peewee.CharField(36)
    is_active = peewee.BooleanField(default=True)
    last_used_at = peewee.DoubleField(null=True)
    description = NameField(default="")
