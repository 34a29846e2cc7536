"""Table of dotfiles."""

import peewee


class Dotfile(peewee.Model):
    sequence = peewee.AutoField()
    kind = peewee.CharField(10)
    owner_id = peewee.CharField(256)
    owner_mark = peewee.CharField(64)
    path = peewee.CharField(255)
    permission = peewee.CharField(3)
    data = peewee.TextField()

    class Meta:
        legacy_table_names = False
        indexes = ((("kind", "owner_id", "owner_mark", "path"), True),)


def up(migrator, db):
    with db.bind_ctx([Dotfile]):
        db.create_tables([Dotfile], safe=False)


def down(migrator, db):
    with db.bind_ctx([Dotfile]):
        db.drop_tables([Dotfile])
