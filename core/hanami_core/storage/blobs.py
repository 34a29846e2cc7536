"""Blobs: immutable files with a hash and a reference count, in step with the database.

A blob is first a staged file. `Blobs.seal` fsyncs it and renames it to its final, unique name; `Blobs.adopt`, called
inside of the transaction that stores the reference, inserts its row. A crash before the commit leaves a file without a
row, which `Blobs.recover` removes, and never a row without a file.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

import peewee

from hanami_core.errors import CorruptFile
from hanami_core.ids import new_uuid
from hanami_core.storage.database import BaseModel, after_commit, atomic

log = logging.getLogger("hanami.blobs")


@runtime_checkable
class BlobStore(Protocol):
    """Where blobs lie. All names are made by the server; no request ever names one."""

    def stage(self) -> Path:
        """Return the path of a new, empty local file for content that is not complete yet."""

    def commit(self, staged: Path, blob: str) -> None:
        """Make a staged file durable under the name `blob`; when this returns it survives a power cut."""

    def path(self, blob: str) -> Path:
        """Return a local path to read a blob from."""

    def delete(self, blob: str) -> None:
        """Remove a blob; a missing one is fine."""

    def blobs(self) -> Iterator[str]:
        """Iterate over the names of all blobs."""

    def staged(self) -> Iterator[Path]:
        """Iterate over all staged files."""


class Blob(BaseModel):
    """Row of a blob. `references` counts the rows that point to it."""

    uuid = peewee.CharField(36, primary_key=True)
    size = peewee.BigIntegerField()
    sha256 = peewee.CharField(64)
    references = peewee.IntegerField()


class Sealed(NamedTuple):
    """A durable file that has no row yet."""

    uuid: str
    size: int
    sha256: str


class Blobs:
    """Blobs of one server."""

    def __init__(self, store: BlobStore) -> None:
        """Use a store; the database is the process' own."""
        self.store = store
        self._verified: set[str] = set()
        self._sealed: dict[Path, Sealed] = {}

    @contextlib.contextmanager
    def staging(self, name: str = "") -> Iterator[Path]:
        """Provide a staged file that is gone afterwards unless it was adopted.

        Work that is done again when its process died gives the file the same `name` each time: the new file then takes
        the place of the one that was left behind.
        """
        path = self.store.stage()
        if name:
            path = path.rename(path.with_name(name))
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)
            sealed = self._sealed.pop(path, None)
            if sealed is not None:
                self.store.delete(sealed.uuid)

    def seal(self, staged: Path) -> None:
        """Hash a staged file and make it durable, so that `adopt` is quick inside of a transaction."""
        sealed = Sealed(new_uuid(), staged.stat().st_size, _sha256(staged))
        self.store.commit(staged, sealed.uuid)
        self._sealed[staged] = sealed

    def adopt(self, staged: Path) -> str:
        """Turn a staged file into a blob with one reference and return its name; seals it if that was not done.

        The caller's transaction must also store that reference. If the transaction fails, leaving `staging` removes
        the file.
        """
        if staged not in self._sealed:
            self.seal(staged)
        sealed = self._sealed[staged]
        Blob.create(uuid=sealed.uuid, size=sealed.size, sha256=sealed.sha256, references=1)
        after_commit(lambda: self._sealed.pop(staged, None))
        return sealed.uuid

    def retain(self, blob: str) -> str:
        """Count one more reference, in the caller's transaction.

        Raises:
            CorruptFile: if there is no such blob any more; the caller must not store its name.
        """
        if not Blob.update(references=Blob.references + 1).where(Blob.uuid == blob).execute():
            raise CorruptFile(f"blob {blob} is missing")
        return blob

    def release(self, blob: str | None) -> None:
        """Count one reference less, in the caller's transaction; the last one removes the blob after the commit.

        Whoever exchanges one reference for another retains the new one first: both may be to the same blob.
        """
        if not blob:
            return
        if not Blob.update(references=Blob.references - 1).where(Blob.uuid == blob).execute():
            # There is nothing left to lose, and what named it must stay possible to delete and to replace.
            log.error("released blob is missing", extra={"blob": blob})
        elif Blob.delete().where((Blob.uuid == blob) & (Blob.references <= 0)).execute():
            after_commit(lambda: self.store.delete(blob))

    def open(self, blob: str) -> Path:
        """Return the path of a blob after checking its hash, once for each process.

        Raises:
            CorruptFile: if the content is not what was stored.
        """
        path = self.store.path(blob)
        if blob not in self._verified:
            self.verify(blob)
            self._verified.add(blob)
        return path

    def verify(self, blob: str) -> None:
        """Compare a blob's content with its row and raise `CorruptFile` if they differ."""
        row = Blob.get_or_none(Blob.uuid == blob)
        path = self.store.path(blob)
        if row is None or not path.exists():
            raise CorruptFile(f"blob {blob} is missing")
        if path.stat().st_size != row.size or _sha256(path) != row.sha256:
            raise CorruptFile(f"blob {blob} was changed after it had been stored")

    def recover(self, keep: set[Path]) -> list[str]:
        """Remove blobs without a row and staged files that are not in `keep`; return what was removed.

        Must only run while no other process writes.
        """
        with atomic():
            known = {row.uuid for row in Blob.select(Blob.uuid)}
        removed = [blob for blob in self.store.blobs() if blob not in known]
        for blob in removed:
            self.store.delete(blob)
        stale = [path for path in self.store.staged() if path not in keep]
        for path in stale:
            path.unlink(missing_ok=True)
        return removed + [path.name for path in stale]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
