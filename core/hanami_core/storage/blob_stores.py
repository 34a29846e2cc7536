"""What a blob store must be able to do, and how a plugin brings one. Knows no store and no row.

A plugin returns backends from the hook ``hanami_blob_stores``; the setting ``storage.blobs`` names the one that new
blobs go to. Each blob remembers the store that it lies in, so blobs of a store that was chosen before are still read
from there, as long as a plugin brings it. A store belongs to one server: what it holds and the server does not know is
removed when the server starts.

`hanami_core.testing.blob_stores` has a suite that examines a store for all that stands here.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Hashable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable

from hanami_core.errors import HanamiError, StartupError, StoreMissing
from hanami_core.storage.contract import StorageContext

__all__ = ["BlobBackend", "BlobStore", "BlobStores", "LocalFile", "PlainFile"]

_FRESH_SECONDS = 2.0
"""File systems tell times only so exactly: within this time a file may change once more without it being visible."""


class LocalFile(Protocol):
    """A blob as a local file, for reading, until it is released."""

    @property
    def path(self) -> Path:
        """Path of the file, which must not be changed."""

    def mark(self) -> Hashable | None:
        """Return a value that stays the same as long as the content cannot have changed.

        None if there is no such value: the content is then verified whenever the blob is opened.
        """

    def release(self, *, damaged: bool = False) -> None:
        """Give the file back; the store may then remove its copy. Called once.

        `damaged` means that the content differs from what was stored: a store with a copy fetches a new one next time,
        because the blob itself may be intact or repaired.
        """


class PlainFile:
    """A file that stays in its place, on a file system that records when it was changed."""

    def __init__(self, path: Path) -> None:
        """Use a file.

        Raises:
            FileNotFoundError: if it does not exist.
        """
        self.path = path
        path.stat()

    def mark(self) -> Hashable | None:
        """Return a value that changes with the file, or None if the file was changed a moment ago."""
        found = self.path.stat()
        if abs(time.time() - found.st_ctime) < _FRESH_SECONDS:
            return None
        return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns

    def release(self, *, damaged: bool = False) -> None:
        """Do nothing: the file is not a copy."""


@runtime_checkable
class BlobStore(Protocol):
    """A store for blobs. The server creates all names; no request ever contains one. Any thread may call any method."""

    def stage(self) -> Path:
        """Return the path of a new, empty local file for incomplete content."""

    def commit(self, staged: Path, blob: str) -> None:
        """Make a staged file durable under the name `blob`; when this returns it survives a power cut.

        The staged file is gone then. If this raises, the blob may or may not exist; it is deleted in any case.
        """

    def fetch(self, blob: str) -> LocalFile:
        """Return a local file with the content of a blob.

        Raises:
            FileNotFoundError: if there is no such blob.
            OSError: if it is not available now.
        """

    def delete(self, blob: str) -> None:
        """Remove a blob; a missing one is fine. Files that were already fetched stay readable."""

    def blobs(self) -> Iterator[str]:
        """Iterate over the names of all blobs."""

    def staged(self) -> Iterator[Path]:
        """Iterate over all staged files."""

    def check(self) -> Iterable[str]:
        """Return the problems of the store itself, one line each; the caller verifies blobs."""

    def close(self) -> None:
        """Release everything; nothing is called afterwards."""


@runtime_checkable
class BlobBackend(Protocol):
    """A kind of blob store that can be selected by name."""

    @property
    def name(self) -> str:
        """Its name in the setting ``storage.blobs`` and in the rows of its blobs. It must never change."""

    def open(self, context: StorageContext) -> BlobStore:
        """Return the store that the settings describe.

        If this raises and the store is the selected one, the server does not start; otherwise its blobs cannot be read.
        """


class BlobStores:
    """The blob stores of a process by name. Others than the chosen one are opened when a blob lies in them."""

    def __init__(self, backends: Mapping[str, BlobBackend], chosen: str, context: StorageContext) -> None:
        """Open the chosen one.

        Raises:
            StoreMissing: if there is no store of that name.
            StartupError: if it cannot be opened.
        """
        self._backends = dict(backends)
        self.context = context
        self._opened: dict[str, BlobStore] = {}
        self._lock = threading.Lock()
        self.chosen = chosen
        self[chosen]

    def __contains__(self, name: str) -> bool:
        """Tell whether there is a store of a name."""
        return name in self._backends

    def __getitem__(self, name: str) -> BlobStore:
        """Return a store.

        Raises:
            StoreMissing: if there is no store of that name.
            StartupError: if it cannot be opened.
        """
        with self._lock:
            if name not in self._opened:
                if name not in self._backends:
                    raise StoreMissing(f"no plugin brings the blob store '{name}'")
                self._opened[name] = _open(self._backends[name], self.context)
            return self._opened[name]

    def close(self) -> None:
        """Close all stores that were opened."""
        with self._lock:
            opened, self._opened, self._backends = self._opened, {}, {}
        for store in opened.values():
            store.close()


def _open(backend: BlobBackend, context: StorageContext) -> BlobStore:
    try:
        store = backend.open(context)
    except HanamiError:
        raise
    except (Exception, SystemExit) as error:
        raise StartupError(f"blob store '{backend.name}': {type(error).__name__}: {error}") from error
    if not isinstance(store, BlobStore):
        raise StartupError(f"blob store '{backend.name}': the backend returned {type(store).__name__}, no store")
    return store
