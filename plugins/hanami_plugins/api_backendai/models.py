"""Tables of this API: logins by cookie, signatures that were used, and what the manager was told."""

from __future__ import annotations

import peewee

from hanami_core.storage.database import BaseModel

__all__ = ["ManagerNote", "UsedSignature", "WebSession"]


class WebSession(BaseModel):
    """A login whose credential is a cookie, of which only the hash is kept.

    `user_id`, `mark`, `project_id` and `place` are those of a `hanami_core.identity.Principal`; `expires_at` is in
    seconds since 1970.
    """

    sequence = peewee.AutoField()
    cookie_hash = peewee.CharField(64, unique=True)
    user_id = peewee.CharField(256, index=True)
    mark = peewee.CharField(64)
    project_id = peewee.CharField(256)
    place = peewee.CharField(36)
    expires_at = peewee.DoubleField(index=True)


class UsedSignature(BaseModel):
    """A signature of a request that has changed something, and until when it would be valid."""

    signature = peewee.CharField(128, primary_key=True)
    expires_at = peewee.DoubleField(index=True)


class ManagerNote(BaseModel):
    """Something that an admin has told the manager, such as the announcement, as JSON."""

    name = peewee.CharField(64, primary_key=True)
    value = peewee.TextField()
