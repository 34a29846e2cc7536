"""Table of projects."""

from __future__ import annotations

import peewee

from hanami_core.storage.database import ACTIVE, NameField, Record


class Project(Record):
    """A project. `id` is unique among active rows."""

    id = peewee.CharField(256)
    name = NameField()
    creator_id = peewee.CharField(256)


Project.add_index(Project.id, unique=True, where=Project.status == ACTIVE)
