"""Table of dotfiles."""

from __future__ import annotations

import peewee

from hanami_core.storage.database import BaseModel

__all__ = ["LONGEST_PATH", "Dotfile"]

LONGEST_PATH = 255


class Dotfile(BaseModel):
    """A file that the sessions of its owner begin with.

    `kind`, `owner_id` and `owner_mark` are those of a `DotfileOwner`. `path` is relative to the home directory of a
    session, `permission` three octal digits.
    """

    sequence = peewee.AutoField()
    kind = peewee.CharField(10)
    owner_id = peewee.CharField(256)
    owner_mark = peewee.CharField(64)
    path = peewee.CharField(LONGEST_PATH)
    permission = peewee.CharField(3)
    data = peewee.TextField()

    class Meta:
        """One file at each path of an owner."""

        indexes = ((("kind", "owner_id", "owner_mark", "path"), True),)
