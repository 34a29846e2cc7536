"""Tables of folders, permissions, invitations and uploads."""

import peewee


class Folder(peewee.Model):
    sequence = peewee.AutoField()
    status = peewee.CharField(10, index=True)
    deleted_at = peewee.DoubleField(null=True)
    created_at = peewee.DoubleField()
    uuid = peewee.CharField(36, unique=True)
    project_id = peewee.CharField(256, index=True)
    owner_id = peewee.CharField(256, index=True)
    visibility = peewee.CharField(10)
    name = peewee.CharField(256)
    ownership = peewee.CharField(10)
    usage_mode = peewee.CharField(10)
    permission = peewee.CharField(2)
    storage = peewee.CharField(64)
    quota = peewee.BigIntegerField(null=True)
    cloneable = peewee.BooleanField()
    last_used = peewee.DoubleField(null=True)
    used = peewee.BigIntegerField()
    files = peewee.BigIntegerField()
    state = peewee.CharField(10)
    cloning = peewee.CharField(36, null=True)

    class Meta:
        legacy_table_names = False


Folder.add_index(
    Folder.owner_id, Folder.name, unique=True, where=(Folder.status == "active") & (Folder.ownership == "user")
)
Folder.add_index(
    Folder.project_id, Folder.name, unique=True, where=(Folder.status == "active") & (Folder.ownership == "group")
)


class FolderPermission(peewee.Model):
    sequence = peewee.AutoField()
    folder = peewee.CharField(36)
    user_id = peewee.CharField(256, index=True)
    permission = peewee.CharField(2)

    class Meta:
        legacy_table_names = False
        indexes = ((("folder", "user_id"), True),)


class FolderInvitation(peewee.Model):
    sequence = peewee.AutoField()
    uuid = peewee.CharField(36, unique=True)
    folder = peewee.CharField(36, index=True)
    inviter_id = peewee.CharField(256, index=True)
    invitee_id = peewee.CharField(256, index=True)
    permission = peewee.CharField(2)
    state = peewee.CharField(10)
    created_at = peewee.DoubleField()
    modified_at = peewee.DoubleField()

    class Meta:
        legacy_table_names = False


FolderInvitation.add_index(
    FolderInvitation.folder, FolderInvitation.invitee_id, unique=True, where=FolderInvitation.state == "pending"
)


class FolderUpload(peewee.Model):
    sequence = peewee.AutoField()
    status = peewee.CharField(10, index=True)
    deleted_at = peewee.DoubleField(null=True)
    created_at = peewee.DoubleField()
    uuid = peewee.CharField(36, unique=True)
    project_id = peewee.CharField(256, index=True)
    owner_id = peewee.CharField(256, index=True)
    visibility = peewee.CharField(10)
    name = peewee.CharField(256)
    folder = peewee.CharField(36, index=True)
    storage = peewee.CharField(64)
    path = peewee.TextField()
    size = peewee.BigIntegerField()
    sender_id = peewee.CharField(256, index=True)
    ends_at = peewee.DoubleField()
    state = peewee.CharField(10)

    class Meta:
        legacy_table_names = False


MODELS = [Folder, FolderPermission, FolderInvitation, FolderUpload]


def up(migrator, db):
    with db.bind_ctx(MODELS):
        db.create_tables(MODELS, safe=False)


def down(migrator, db):
    with db.bind_ctx(MODELS):
        db.drop_tables(MODELS)
