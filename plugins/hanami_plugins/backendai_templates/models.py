"""Table of session templates."""

from __future__ import annotations

import time

import peewee

from hanami_core.ids import new_uuid
from hanami_core.storage.database import BaseModel

__all__ = ["SessionTemplate"]


class SessionTemplate(BaseModel):
    """A template of a user, for sessions in a project.

    `owner_mark` and `project_mark` tell both from later ones with the same ids; `document` is a
    `hanami_plugins.backendai_templates.documents.TaskTemplate` as JSON, in which a git password is empty; `password` is
    that, encrypted, or empty if there is none. `created_at` is in seconds since 1970.
    """

    sequence = peewee.AutoField()
    uuid = peewee.CharField(36, unique=True, default=new_uuid)
    created_at = peewee.DoubleField(default=time.time)
    owner_id = peewee.CharField(256, index=True)
    owner_mark = peewee.CharField(64)
    project_id = peewee.CharField(256, index=True)
    project_mark = peewee.CharField(64)
    name = peewee.CharField(256)
    document = peewee.TextField()
    password = peewee.TextField(default="")
