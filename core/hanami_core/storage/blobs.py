"""Blobs: immutable files with a hash and a reference count, in step with the database.

A blob is first a staged file. `Blobs.finalise` hashes it and lets the store make it durable under its final, unique
name; `Blobs.link`, called inside of the transaction that stores the reference, inserts its row. A crash before the
commit leaves a file without a row, which `Blobs.recover` sets aside, and never a row without a file.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import peewee

from hanami_core.deprecation import former_attributes
from hanami_core.disclosure import without_paths
from hanami_core.errors import CorruptFile, HanamiError, StartupError, StoreMissing, Unavailable
from hanami_core.ids import new_uuid
from hanami_core.storage.aside import LostAndFound
from hanami_core.storage.blob_stores import BlobStore, BlobStores, LocalFile
from hanami_core.storage.database import BaseModel, OwnedRecord, after_commit, compare_and_set
from hanami_core.storage.disk import require_room
from hanami_core.syncing import remove

__all__ = ["Blob", "BlobLease", "Blobs", "bytes_of"]

R = TypeVar("R", bound=OwnedRecord)

REMEMBERED = 4096
"""Blobs of which a process knows that they were verified."""

log = logging.getLogger("hanami.blobs")


class Blob(BaseModel):
    """Row of a blob. `references` counts the rows that point to it, `store` names the store that it lies in."""

    uuid = peewee.CharField(36, primary_key=True)
    size = peewee.BigIntegerField()
    sha256 = peewee.CharField(64)
    references = peewee.IntegerField()
    store = peewee.CharField(64)


def bytes_of(rows: peewee.ModelSelect[R], column: peewee.Field) -> peewee.ModelSelect[R]:
    """Return the query of the size of all blobs together that a column of some rows names."""
    return rows.order_by().join(Blob, on=(Blob.uuid == column)).select(peewee.fn.SUM(Blob.size))


class FinalisedFile(NamedTuple):
    """A durable file that has no row yet."""

    uuid: str
    size: int
    sha256: str


class BlobLease:
    """The right to read a blob's file, which stays unchanged meanwhile. A context manager that returns the path.

    If you map the file into memory, keep the lease as long as you use the map. Open it at once: if the last reference
    to the blob goes before that, the file goes as well, and the block ends with `CorruptFile`.
    """

    def __init__(self, blob: str, file: LocalFile) -> None:
        """Hold a file that was fetched from a store."""
        self.path = file.path
        self._blob = blob
        self._file: LocalFile | None = file

    def release(self) -> None:
        """Give the file back; calling it again is fine."""
        file, self._file = self._file, None
        if file is not None:
            file.release()

    def __enter__(self) -> Path:
        """Return where the file lies."""
        return self.path

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Give the file back.

        Raises:
            CorruptFile: if the file was deleted before it was opened.
        """
        self.release()
        if isinstance(error, FileNotFoundError) and error.filename == str(self.path):
            raise CorruptFile(f"blob {self._blob} is missing") from error


class Blobs:
    """Blobs of one server."""

    if not TYPE_CHECKING:  # so that mistyped names are still found
        __getattr__ = former_attributes(
            "0.1", {"seal": "finalise", "adopt": "link", "retain": "incref", "release": "decref"}
        )

    def __init__(self, stores: BlobStores, reserve: int = 0) -> None:
        """Use some stores, and leave so many bytes of the disk free; the database is the process' own."""
        self._reserve = reserve
        self.stores = stores
        self._lost = LostAndFound(stores.context.data_dir, stores.context.clock)
        self._verified = _Verified(REMEMBERED)
        self._finalised: dict[Path, FinalisedFile] = {}

    @property
    def store(self) -> BlobStore:
        """The store of new blobs."""
        return self.stores[self.stores.chosen]

    @contextlib.contextmanager
    def staging(self, name: str = "") -> Iterator[Path]:
        """Provide a staged file that is gone afterwards unless it was linked.

        Work that is repeated after its process died should use the same `name` each time: the new file then replaces
        the one that was left behind.

        Raises:
            OSError: if only the disk space that is reserved for deleting is left.
        """
        path = self.store.stage()
        if name:
            path = path.rename(path.with_name(name))
        try:
            require_room(path.parent, self._reserve)
            yield path
        finally:
            remove(path, missing_ok=True)
            finalised = self._finalised.pop(path, None)
            if finalised is not None:
                self.store.delete(finalised.uuid)

    def finalise(self, staged: Path) -> None:
        """Hash a staged file and make it durable, so that `link` is quick inside a transaction."""
        finalised = FinalisedFile(new_uuid(), staged.stat().st_size, _sha256(staged))
        try:
            self.store.commit(staged, finalised.uuid)
        except BaseException:
            # It may have failed half-way and left something in the store; recovery removes what stays even so.
            with contextlib.suppress(Exception):
                self.store.delete(finalised.uuid)
            raise
        self._finalised[staged] = finalised

    def size_of(self, staged: Path) -> int:
        """Return the size of a staged file in bytes, whether finalised or not."""
        finalised = self._finalised.get(staged)
        return staged.stat().st_size if finalised is None else finalised.size

    def link(self, staged: Path) -> str:
        """Turn a staged file into a blob with one reference and return its name; finalises it if necessary.

        The caller's transaction must also store that reference. If the transaction fails, leaving `staging` removes
        the file.
        """
        if staged not in self._finalised:
            self.finalise(staged)
        finalised = self._finalised[staged]
        Blob.create(**finalised._asdict(), references=1, store=self.stores.chosen)
        after_commit(lambda: self._finalised.pop(staged, None))
        return finalised.uuid

    def incref(self, blob: str) -> str:
        """Add a reference, in the caller's transaction.

        Raises:
            CorruptFile: if the blob no longer exists; the caller must not store its name.
        """
        if not Blob.update(references=Blob.references + 1).where(Blob.uuid == blob).execute():
            raise CorruptFile(f"blob {blob} is missing")
        return blob

    def decref(self, blob: str | None) -> None:
        """Remove a reference, in the caller's transaction; the last one removes the blob after the commit.

        To exchange one reference for another, add the new one first: both may be to the same blob.
        """
        if not blob:
            return
        if not Blob.update(references=Blob.references - 1).where(Blob.uuid == blob).execute():
            # There is nothing left to lose, and what named it must stay possible to delete and to replace.
            log.error("released blob is missing", extra={"blob": blob})
            return
        unused = (Blob.uuid == blob) & (Blob.references <= 0)
        row = Blob.get_or_none(unused)
        if row is not None and Blob.delete().where(unused).execute():
            after_commit(partial(self._delete, str(row.store), blob))

    def _delete(self, store: str, blob: str) -> None:
        try:
            self.stores[store].delete(blob)
        except (HanamiError, OSError) as error:
            # Nobody waits for it; the next start of the server finds a file that is not a blob.
            log.warning("blob not removed", extra={"blob": blob, "reason": str(error)})

    def open(self, blob: str) -> BlobLease:
        """Return a lease of a blob whose content was compared with its hash.

        This is not repeated if the store can show that the file has not changed since.

        Raises:
            CorruptFile: if the content is missing or differs from what was stored.
            StoreMissing: if the blob is in a store that no plugin provides.
            Unavailable: if the store cannot be reached now.
        """
        row, file = self._fetch(blob)
        with _given_back_if_it_fails(file), _missing_is_corrupt(blob):
            mark = file.mark()
            if mark is None or self._verified.get(blob) != mark:
                _compare(row, file.path)
                # Only what did not change while it was read is known to be what was read.
                if mark is not None and file.mark() == mark:
                    self._verified.add(blob, mark)
        return BlobLease(blob, file)

    def verify(self, blob: str) -> None:
        """Read a blob again and compare it with its row, even if it was verified before. Raises what `open` raises."""
        row, file = self._fetch(blob)
        with _given_back_if_it_fails(file), _missing_is_corrupt(blob):
            _compare(row, file.path)
        file.release()

    def _fetch(self, blob: str) -> tuple[Blob, LocalFile]:
        row = Blob.get_or_none(Blob.uuid == blob)
        if row is None:
            raise CorruptFile(f"blob {blob} is missing")
        if row.store not in self.stores:
            raise StoreMissing(f"blob {blob} lies in the blob store '{row.store}', which no plugin brings")
        try:
            with _missing_is_corrupt(blob):
                return row, self.stores[row.store].fetch(blob)
        except OSError as error:
            log.warning("blob cannot be fetched", extra={"blob": blob, "store": row.store, "reason": str(error)})
            reason = without_paths(str(error))
            raise Unavailable("store_unavailable", store=row.store, reason=reason) from error

    def names(self) -> dict[str, str]:
        """Return the name of each blob, with that of its store."""
        return {row.uuid: row.store for row in Blob.select(Blob.uuid, Blob.store)}

    def orphans(self) -> list[tuple[str, str]]:
        """Return store and name of each file in a store that is not a blob.

        While other processes run, it may be about to become one.

        Raises:
            StartupError: if a store cannot be read.
        """
        found = [(name, blob) for name in self._used() if name in self.stores for blob in self._listed(name)]
        known = self.names()
        return [(name, blob) for name, blob in found if known.get(blob) != name]

    def _listed(self, store: str) -> list[str]:
        try:
            return list(self.stores[store].blobs())
        except OSError as error:
            raise StartupError(f"blob store '{store}' cannot be read: {error}") from error

    def check(self) -> Iterator[tuple[str, str]]:
        """Return the problems of the stores in use: their names, with one line each."""
        for name in self._used():
            try:
                yield from ((name, problem) for problem in self.stores[name].check())
            except (HanamiError, OSError) as error:
                yield name, str(error)

    def _used(self) -> list[str]:
        """Return the names of the stores that new blobs go to, or that blobs lie in."""
        return sorted({self.stores.chosen, *(row.store for row in Blob.select(Blob.store).distinct())})

    def staged(self) -> list[Path]:
        """Return staged files; if no process runs, nobody will complete them any more."""
        used = [self.stores[name] for name in self._used() if name in self.stores]
        return sorted(path for store in used for path in store.staged())

    def recover(self, keep: set[Path], needed: Callable[[set[str]], set[str]] = lambda _: set()) -> list[str]:
        """Set blobs without a row aside and remove staged files that are not in `keep`; return what was removed.

        A blob whose row was lost stays where it is if other rows still name it. Must only run while no other process
        writes.

        Args:
            keep: staged files that somebody will complete.
            needed: returns those of the given blobs that rows still name.
        """
        orphans = self.orphans()
        rows = self.names()
        lost = needed({blob for _, blob in orphans} - rows.keys()) if orphans else set()
        if lost:
            log.error("blobs have lost their rows, see 'hanami doctor'", extra={"blobs": sorted(lost)})
        gone = [(name, blob) for name, blob in orphans if blob not in lost]
        for name, blob in gone:
            self.set_aside(name, blob)
        stale = [path for path in self.staged() if path not in keep]
        for path in stale:
            path.unlink(missing_ok=True)
        return [blob for _, blob in gone] + [path.name for path in stale]

    def set_aside(self, store: str, blob: str) -> str:
        """Move an unneeded file out of a store, and return where it is kept; empty if it does not exist.

        Raises:
            OSError: if the store cannot be reached, or there is no space; the file stays.
        """
        try:
            file = self.stores[store].fetch(blob)
        except FileNotFoundError:
            return ""
        try:
            place = self._lost.keep(file.path, f"blobs/{blob}")
        finally:
            file.release()
        self.stores[store].delete(blob)
        return place

    def admit(self, store: str, blob: str, references: int) -> None:
        """Restore the lost row of a file in a store, according to its current content, in the caller's transaction.

        Raises:
            OSError: if the file cannot be read.
        """
        file = self.stores[store].fetch(blob)
        try:
            shape = {"size": file.path.stat().st_size, "sha256": _sha256(file.path)}
        finally:
            file.release()
        Blob.create(uuid=blob, references=references, store=store, **shape)

    def correct(self, blob: str, counted: int, references: int) -> bool:
        """Correct a reference count, and return whether it was still `counted`; at 0, the row is removed."""
        still = (Blob.uuid == blob) & (Blob.references == counted)
        if not references:
            return bool(Blob.delete().where(still).execute())
        return compare_and_set(Blob, still, references=references)

    def close(self) -> None:
        """Close the stores."""
        self.stores.close()


class _Verified:
    """Marks of files that were verified, the latest ones."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._marks: OrderedDict[str, Hashable] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, blob: str) -> Hashable | None:
        with self._lock:
            if blob in self._marks:
                self._marks.move_to_end(blob)
            return self._marks.get(blob)

    def add(self, blob: str, mark: Hashable) -> None:
        with self._lock:
            self._marks[blob] = mark
            self._marks.move_to_end(blob)
            if len(self._marks) > self._size:
                self._marks.popitem(last=False)


@contextlib.contextmanager
def _given_back_if_it_fails(file: LocalFile) -> Iterator[None]:
    try:
        yield
    except CorruptFile:
        file.release(damaged=True)
        raise
    except BaseException:
        file.release()
        raise


@contextlib.contextmanager
def _missing_is_corrupt(blob: str) -> Iterator[None]:
    """Tell of a file that is not there, or that was deleted meanwhile, by the name of its blob."""
    try:
        yield
    except FileNotFoundError as error:
        raise CorruptFile(f"blob {blob} is missing") from error


def _compare(row: Blob, path: Path) -> None:
    if path.stat().st_size != row.size or _sha256(path) != row.sha256:
        raise CorruptFile(f"blob {row.uuid} was changed after it had been stored")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
