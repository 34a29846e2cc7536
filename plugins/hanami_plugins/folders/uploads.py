"""Files on their way into a folder, for routes of any Api and for other plugins. Knows no HTTP.

A row is there before the first byte, and its size counts for the folder's owner and project from then on; so what was
accepted always fits. When the last byte has arrived, the row ends, the folder holds the bytes and the file gets its
path, in one transaction.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import NamedTuple

import peewee

from hanami_core.access import Access
from hanami_core.admission import DISK, Claim
from hanami_core.errors import BadRequest, Conflict, InsufficientStorage, NotFound
from hanami_core.ids import new_uuid
from hanami_core.runtime import Runtime
from hanami_core.sizes import size_text
from hanami_core.storage.database import ACTIVE, DELETED, atomic, compare_and_set, exclusive, hold
from hanami_plugins.folders.models import COMPLETE, Folder, FolderUpload
from hanami_plugins.folders.opening import explained, storage_of
from hanami_plugins.folders.paths import FolderPath, parse_path, path_text
from hanami_plugins.folders.permissions import MISSING, active, require
from hanami_plugins.folders.storages import FolderStorage, WrongOffset
from hanami_plugins.folders.tokens import TRANSFER_TOKENS, access_of, claims_for

__all__ = [
    "UploadTicket",
    "announce",
    "append",
    "begin_upload",
    "check_target",
    "complete",
    "drop",
    "drop_late",
    "require_place",
    "upload_offset",
    "withdraw_upload",
]

GONE = "folder_upload_missing"


class UploadTicket(NamedTuple):
    """An upload that has begun: the token that stands for it, and how many seconds that is good for."""

    token: str
    uuid: str
    seconds: int


def begin_upload(runtime: Runtime, access: Access, uuid: str, path: str, size: int) -> UploadTicket:
    """Announce a file of `size` bytes, which is then sent with `append`. An empty file is there at once.

    Raises:
        NotFound: if there is no such folder that the actor sees.
        Forbidden: if the actor may not write.
        BadRequest: if the path breaks a rule.
        Conflict: if a directory has the path, or a file lies in the middle of it, or the actor sends too much already.
        InsufficientStorage: if it does not fit into the folder or the storage.
        VisibleError: if a plugin says that the owner or the project has too much on the disk.
    """
    folder, where = check_target(runtime, access, uuid, path)
    storage, seconds = storage_of(runtime, folder.storage), int(runtime.settings["folders.upload_time"])
    with exclusive(f"folders.uploads/{access.actor.user_id}"):
        _require_turn(runtime, access)
        upload = announce(runtime, folder, where, size, access.actor.user_id, new_uuid())
    if not size:
        complete(runtime, storage, upload)
    claims = claims_for(access, "upload", folder.uuid, upload=upload.uuid)
    return UploadTicket(runtime.stash[TRANSFER_TOKENS].issue(claims, seconds), upload.uuid, seconds)


def check_target(runtime: Runtime, access: Access, uuid: str, path: str) -> tuple[Folder, FolderPath]:
    """Return the folder and the path of a file that the actor may put there, whatever its size.

    Raises:
        NotFound: if there is no such folder that the actor sees.
        Forbidden: if the actor may not write.
        BadRequest: if the path breaks a rule.
        Conflict: if a directory has the path, or a file lies in the middle of it.
    """
    folder, where = require(access, uuid, "rw"), parse_path(path)
    require_place(storage_of(runtime, folder.storage), folder, where)
    return folder, where


def announce(runtime: Runtime, folder: Folder, where: FolderPath, size: int, sender_id: str, uuid: str) -> FolderUpload:
    """Add the row of an upload that fits, in the caller's section, which takes the uploads of a sender in turn."""
    if not hold(Folder, active(folder.uuid)):
        raise NotFound(MISSING, uuid=folder.uuid)
    upload = FolderUpload.create(
        uuid=uuid,
        name=where[-1],
        owner_id=folder.owner_id,
        project_id=folder.project_id,
        folder=folder.uuid,
        storage=folder.storage,
        path=path_text(where),
        size=size,
        sender_id=sender_id,
        ends_at=runtime.clock.now() + int(runtime.settings["folders.upload_time"]),
    )
    _require_room(runtime, storage_of(runtime, folder.storage), upload)
    return upload


def require_place(storage: FolderStorage, folder: Folder, path: FolderPath) -> None:
    """Refuse a path that no file can get, before anything is sent."""
    with explained(path):
        try:
            if storage.stat(folder.uuid, path).kind == "directory":
                raise IsADirectoryError(path[-1])
        except FileNotFoundError:
            pass


def _require_turn(runtime: Runtime, access: Access) -> None:
    limit, user = runtime.settings["folders.open_uploads"], access.actor.user_id
    if FolderUpload.active().where(FolderUpload.sender_id == user).count() >= limit:
        raise Conflict("uploads_exhausted", user=user, limit=limit)


def _require_room(runtime: Runtime, storage: FolderStorage, upload: FolderUpload) -> None:
    """Refuse an upload whose row, in the caller's transaction, exceeds a limit."""
    runtime.admit(Claim(upload.owner_id, upload.project_id, DISK, 0))
    arriving = _sum(FolderUpload.folder == upload.folder)
    fits = Folder.quota.is_null() | (Folder.used + arriving <= Folder.quota)
    if not hold(Folder, active(upload.folder) & fits):
        raise _folder_full(upload)
    left = storage.available()
    if left is not None:
        others = FolderUpload.active().where(
            (FolderUpload.storage == upload.storage) & (FolderUpload.uuid != upload.uuid)
        )
        left -= sum(max(0, one.size - storage.received(one.uuid)) for one in others)
        if upload.size > left:
            raise InsufficientStorage(
                "folder_storage_full", needed=size_text(upload.size), left=size_text(max(0, left))
            )


def _sum(where: peewee.Expression) -> int:
    """Return how many bytes have been announced."""
    return int(FolderUpload.active().where(where).order_by().select(peewee.fn.SUM(FolderUpload.size)).scalar() or 0)


def _folder_full(upload: FolderUpload) -> InsufficientStorage | NotFound:
    row = Folder.get_or_none(active(upload.folder))
    if row is None:
        return NotFound(MISSING, uuid=upload.folder)
    used, limit = size_text(row.used), size_text(row.quota or 0)
    return InsufficientStorage("folder_quota_exhausted", used=used, needed=size_text(upload.size), limit=limit)


def append(runtime: Runtime, token: str, offset: int, pieces: Iterable[bytes]) -> int:
    """Take bytes of an upload from an offset on, and return how many bytes have arrived, which are durable.

    With the last byte, the file gets its path; of two uploads to one path, the later one counts. If `pieces` raises,
    what came before has arrived.

    Raises:
        Unauthorized: if the token is not valid any more, or whoever it was issued for does not exist any more.
        NotFound: if the upload or the folder does not exist any more.
        Forbidden: if the actor may not write any more.
        Conflict: if another number of bytes has arrived; the parameter `offset` tells which.
        BadRequest: if there are more bytes than were announced.
        InsufficientStorage: if there is no room any more.
    """
    upload = _upload(runtime, token)
    if upload.state == COMPLETE:
        raise _wrong_offset(upload, upload.size)
    storage = storage_of(runtime, upload.storage)
    try:
        arrived = storage.append(upload.uuid, offset, pieces, upload.size)
    except WrongOffset as error:
        raise _wrong_offset(upload, error.offset) from error
    except FileNotFoundError as error:
        raise NotFound(GONE, uuid=upload.uuid) from error
    except ValueError as error:
        raise BadRequest("folder_upload_too_long", size=upload.size) from error
    if arrived == upload.size:
        complete(runtime, storage, upload)
    return arrived


def _upload(runtime: Runtime, token: str) -> FolderUpload:
    claims = runtime.stash[TRANSFER_TOKENS].read(token, "upload")
    require(access_of(runtime, claims), claims.folder, "rw")
    found = FolderUpload.get_or_none(FolderUpload.uuid == claims.upload)
    if found is None or not (found.status == ACTIVE or found.state == COMPLETE):
        raise NotFound(GONE, uuid=claims.upload)
    upload: FolderUpload = found
    return upload


def _wrong_offset(upload: FolderUpload, offset: int) -> Conflict:
    return Conflict("folder_upload_offset", uuid=upload.uuid, offset=offset)


def complete(runtime: Runtime, storage: FolderStorage, upload: FolderUpload) -> None:
    """Put the file of an upload at its path, together with what the rows tell of it."""
    where = parse_path(upload.path)
    waits = (FolderUpload.uuid == upload.uuid) & (FolderUpload.status == ACTIVE)
    with atomic():
        if not compare_and_set(FolderUpload, waits, status=DELETED, deleted_at=time.time(), state=COMPLETE):
            raise NotFound(GONE, uuid=upload.uuid)
        runtime.admit(Claim(upload.owner_id, upload.project_id, DISK, upload.size))
        fits = Folder.quota.is_null() | (Folder.used + upload.size <= Folder.quota)
        more = {"used": Folder.used + upload.size, "files": Folder.files + 1, "last_used": time.time()}
        if not compare_and_set(Folder, active(upload.folder) & fits, **more):
            raise _folder_full(upload)
        try:
            with explained(where):
                replaced = storage.complete(upload.uuid, upload.folder, where, upload.size)
        except WrongOffset as error:
            raise _wrong_offset(upload, error.offset) from error
        less = {"used": Folder.used - replaced.size, "files": Folder.files - replaced.files}
        if replaced.files and not compare_and_set(Folder, active(upload.folder), **less):
            raise NotFound(MISSING, uuid=upload.folder)


def upload_offset(runtime: Runtime, token: str) -> tuple[int, int]:
    """Return how many bytes of an upload have arrived, and how many were announced. Raises what `append` raises."""
    upload = _upload(runtime, token)
    arrived = upload.size if upload.state == COMPLETE else storage_of(runtime, upload.storage).received(upload.uuid)
    return arrived, int(upload.size)


def withdraw_upload(runtime: Runtime, token: str) -> None:
    """Give an upload up; what has arrived of it goes. Raises what `append` raises."""
    upload = _upload(runtime, token)
    drop(runtime, upload)


def drop(runtime: Runtime, upload: FolderUpload) -> bool:
    """Remove an upload with what has arrived of it, and return whether it was open until now."""
    # By its sequence, because work that is done again gives its upload the same name.
    waits = (FolderUpload.sequence == upload.sequence) & (FolderUpload.status == ACTIVE)
    if not FolderUpload.delete().where(waits).execute():
        return False
    storage_of(runtime, upload.storage).discard(upload.uuid)
    return True


def drop_late(runtime: Runtime) -> list[str]:
    """Give up uploads whose tokens are not valid any more, and return their uuids."""
    late = FolderUpload.active().where(FolderUpload.ends_at < runtime.clock.now())
    return [str(upload.uuid) for upload in late if drop(runtime, upload)]
