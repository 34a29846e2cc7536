"""Files that tasks put into folders. Whether they may was decided when they were queued. Knows no HTTP."""

from __future__ import annotations

from collections.abc import Iterable

from hanami_core.runtime import Runtime
from hanami_core.storage.database import exclusive
from hanami_plugins.folders.models import COMPLETE, FolderUpload
from hanami_plugins.folders.opening import storage_of
from hanami_plugins.folders.paths import parse_path
from hanami_plugins.folders.permissions import existing
from hanami_plugins.folders.uploads import announce, complete, drop, require_place

__all__ = ["drop_work", "put_file"]


def put_file(
    runtime: Runtime, folder: str, path: str, size: int, pieces: Iterable[bytes], *, sender_id: str, uuid: str
) -> None:
    """Put a whole file into a folder for work that was permitted when it was queued.

    Nothing is left of a file that does not become complete, whether something raises or the process ends.

    Args:
        runtime: the process' runtime.
        folder: uuid of the folder.
        path: where the file goes; directories on its way are created, and a file of that path is replaced.
        size: its bytes.
        pieces: its content.
        sender_id: who has it sent.
        uuid: name of the work: what an earlier run of it has left is removed, and a file that it has put is kept.

    Raises:
        NotFound: if the folder does not exist any more.
        BadRequest: if the path breaks a rule.
        Conflict: if a directory has the path, or a file lies in the middle of it.
        InsufficientStorage: if it does not fit into the folder or the storage.
        VisibleError: if a plugin says that the owner or the project has too much on the disk.
        ValueError: if there are not `size` bytes.
    """
    if drop_work(runtime, uuid):
        return
    target, where = existing(folder), parse_path(path)
    storage = storage_of(runtime, target.storage)
    require_place(storage, target, where)
    with exclusive(f"folders.uploads/{sender_id}"):
        upload = announce(runtime, target, where, size, sender_id, uuid)
    try:
        arrived = storage.append(upload.uuid, 0, pieces, size) if size else 0
        if arrived != size:
            raise ValueError(f"the file has {arrived} bytes, not {size}")
        complete(runtime, storage, upload)
    except BaseException:
        drop(runtime, upload)
        raise


def drop_work(runtime: Runtime, uuid: str) -> bool:
    """Remove what `put_file` has left half-way under a name, and return whether it has put a file there."""
    upload = FolderUpload.get_or_none(FolderUpload.uuid == uuid)
    if upload is not None and upload.state != COMPLETE:
        drop(runtime, upload)
    return upload is not None and upload.state == COMPLETE
