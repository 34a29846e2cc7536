"""What other plugins do with uploads: create, send, look at, take over, discard; and the clean-up of abandoned ones.

Who may create an upload, or finalise it, is decided by the plugin that it is for; only `open_upload` asks who sends.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import NamedTuple

from hanami_core.access import Access, Actor
from hanami_core.admission import DISK, Claim
from hanami_core.errors import Conflict, NotFound
from hanami_core.runtime import Runtime
from hanami_core.storage.database import after_commit, atomic, exclusive
from hanami_plugins.uploads.models import Upload
from hanami_plugins.uploads.received import Receiver, UploadFiles

__all__ = [
    "CleanUp",
    "FileProgress",
    "complete",
    "create_upload",
    "discard",
    "discard_idle",
    "leading",
    "missing",
    "open_upload",
    "orphans",
    "path",
    "place_of",
    "progress",
    "receive",
    "remove_orphans",
    "touch",
    "upload_for",
    "uploads_of",
]

log = logging.getLogger("hanami.uploads")


def create_upload(runtime: Runtime, actor: Actor, related_uuid: str, size: int, name: str) -> Upload:
    """Add an upload of `size` bytes, in the caller's transaction.

    Args:
        runtime: the process' runtime.
        actor: who alone may send the file.
        related_uuid: the resource that the file is for.
        size: size of the file in bytes.
        name: name of the file among those of the resource.

    Raises:
        Conflict: if the actor has too many uploads already.
        InsufficientStorage: if the file, and what is announced and has not arrived, do not fit on the disk.
        VisibleError: if a plugin says that the file is too big for the actor.
    """
    limit = runtime.settings["uploads.open"]
    with exclusive(f"uploads.open/{actor.user_id}"):
        if Upload.active().where(Upload.owner_id == actor.user_id).count() >= limit:
            raise Conflict("uploads_exhausted", user=actor.user_id, limit=limit)
        runtime.admit(Claim.of(actor, DISK, size))
        runtime.reserve.require(size, promised=promised(runtime))
        return Upload.create(
            name=name, owner_id=actor.user_id, project_id=actor.project_id, related_uuid=related_uuid, size=size
        )


def promised(runtime: Runtime) -> int:
    """Return how many bytes of all uploads are announced and not on the disk yet."""
    return sum(place_of(runtime, upload).unwritten() for upload in Upload.active())


def open_upload(runtime: Runtime, access: Access, uuid: str) -> Receiver:
    """Return what takes the pieces of an upload; whoever created it may send them, in the project in which they did.

    Several receivers may write to one upload at the same time. The caller closes it, or uses it as a context manager.

    Raises:
        NotFound: if the actor has no such upload, or not any more.
    """
    actor = access.actor
    own = (Upload.owner_id == actor.user_id) & (Upload.project_id == actor.project_id)
    upload = Upload.active().where(own & (Upload.uuid == uuid.lower())).first()
    if upload is None:
        raise NotFound("upload_missing", uuid=uuid)
    return receive(runtime, upload)


def receive(runtime: Runtime, upload: Upload) -> Receiver:
    """Return what takes the pieces of an upload, for a plugin that sends a file itself; see `open_upload`."""
    return Receiver(place_of(runtime, upload), runtime.reserve.size // 2)


def uploads_of(related_uuid: str) -> list[Upload]:
    """Return the uploads of a resource, oldest first."""
    return list(Upload.active().where(Upload.related_uuid == related_uuid))


def upload_for(related_uuid: str, name: str, uuid: str) -> Upload | None:
    """Return an upload if it is the one of that name for that resource."""
    found = (Upload.uuid == uuid.lower()) & (Upload.related_uuid == related_uuid) & (Upload.name == name)
    upload: Upload | None = Upload.active().where(found).first()
    return upload


class FileProgress(NamedTuple):
    """What of an upload has arrived.

    `name` is that of the file among those of its resource, `leading` how many bytes have arrived from the start of the
    file on, up to the first gap, `missing` how many have not arrived at all.
    """

    uuid: str
    name: str
    size: int
    leading: int
    missing: int


def progress(runtime: Runtime, related_uuid: str) -> list[FileProgress]:
    """Tell what has arrived of the uploads of a resource, oldest first."""
    return [
        FileProgress(one.uuid, one.name, one.size, leading(runtime, one), missing(runtime, one))
        for one in uploads_of(related_uuid)
    ]


def missing(runtime: Runtime, upload: Upload) -> int:
    """Return the number of bytes that have not arrived."""
    return place_of(runtime, upload).missing()


def complete(runtime: Runtime, upload: Upload) -> bool:
    """Tell whether every byte has arrived."""
    return not missing(runtime, upload)


def leading(runtime: Runtime, upload: Upload) -> int:
    """Return the number of bytes that have arrived from the start of the file on, up to the first gap."""
    return place_of(runtime, upload).leading()


def path(runtime: Runtime, upload: Upload) -> Path:
    """Return where a complete upload can be read."""
    return place_of(runtime, upload).data


def discard(runtime: Runtime, related_uuid: str) -> None:
    """Remove the uploads of a resource, in the caller's transaction; their files go after the commit."""
    places = [place_of(runtime, upload) for upload in uploads_of(related_uuid)]
    Upload.delete().where(Upload.related_uuid == related_uuid).execute()
    for place in places:
        after_commit(place.remove)


def place_of(runtime: Runtime, upload: Upload) -> UploadFiles:
    """Return where an upload lies."""
    return UploadFiles(_folder(runtime), upload.uuid, upload.size, runtime.clock.boot())


def touch(related_uuid: str) -> None:
    """Note, in the caller's transaction, that somebody still needs the uploads of a resource."""
    Upload.update(idle=0.0).where(Upload.related_uuid == related_uuid).execute()


def discard_idle(runtime: Runtime, elapsed: float) -> list[str]:
    """Remove the uploads of resources for which nothing has arrived for too long, and return these resources.

    Only time that the server has watched counts: a clock that is set, or a server that stands still, drops nothing.

    Args:
        runtime: the process' runtime.
        elapsed: seconds since the last look.
    """
    with atomic():
        for upload in Upload.active():
            mark = place_of(runtime, upload).touched()
            idle = upload.idle + elapsed if mark == upload.mark else 0.0
            Upload.update(idle=idle, mark=mark).where(Upload.sequence == upload.sequence).execute()
        limit = runtime.settings["uploads.timeout"]
        busy = Upload.select(Upload.related_uuid).where(Upload.idle < limit)
        old = Upload.active().where(Upload.related_uuid.not_in(busy))
        dropped = sorted({str(upload.related_uuid) for upload in old})
        for related_uuid in dropped:
            discard(runtime, related_uuid)
    return dropped


class CleanUp:
    """What is done every so many seconds: abandoned uploads go, and files that none belongs to."""

    def __init__(self, seconds: float) -> None:
        """Count at most twice the time between two runs: in more than that, nobody could have sent anything."""
        self._most = 2 * seconds
        self._last: float | None = None

    def __call__(self, runtime: Runtime) -> None:
        """Clean up once."""
        now = runtime.clock.monotonic()
        elapsed = 0.0 if self._last is None else min(now - self._last, self._most)
        self._last = now
        dropped = discard_idle(runtime, elapsed)
        if dropped:
            log.info("abandoned uploads dropped", extra={"resources": dropped})
        remove_orphans(runtime)


def orphans(runtime: Runtime) -> list[Path]:
    """Return files of uploads that do not exist.

    A row is always older than its files; so files are listed before rows, or those of a new upload would look like
    orphans.
    """
    files = [file for file in _folder(runtime).glob("*") if file.is_file()]
    known = {upload.uuid for upload in Upload.active()}
    return sorted(file for file in files if file.name.partition(".")[0] not in known)


def remove_orphans(runtime: Runtime) -> None:
    """Remove files of uploads that do not exist."""
    for file in orphans(runtime):
        file.unlink(missing_ok=True)


def _folder(runtime: Runtime) -> Path:
    return runtime.settings.data_dir / "uploads"
