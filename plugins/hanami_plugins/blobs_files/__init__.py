"""The blob store ``files``: files in the data directory, spread over 256 folders."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from hanami_core import hookimpl
from hanami_core.checks import Check, Finding
from hanami_core.folders import private
from hanami_core.ids import new_uuid
from hanami_core.runtime import Runtime
from hanami_core.storage.blob_stores import BlobBackend, BlobStore, LocalFile, PlainFile
from hanami_core.storage.contract import StorageContext
from hanami_core.syncing import remove, sync

__all__ = ["FileBackend", "FileBlobStore"]


class FileBlobStore:
    """A blob store in a folder; staged files lie beside the blobs, on the same file system."""

    def __init__(self, root: Path) -> None:
        """Use a folder, which is made when it is needed."""
        self._blobs = root / "blobs"
        self._staging = root / "staging"
        self._is_durable = False  # whether the folder of the blobs, which may be new, has a name for ever

    def stage(self) -> Path:
        """Return a new, empty file."""
        path = private(self._staging) / new_uuid()
        path.touch(mode=0o600)
        return path

    def commit(self, staged: Path, blob: str) -> None:
        """Sync the content, rename the file, sync the folders."""
        final = self.path(blob)
        private(final.parent)
        sync(staged)
        staged.replace(final)
        sync(final.parent, self._blobs)
        if not self._is_durable:
            sync(self._blobs.parent)
            self._is_durable = True

    def fetch(self, blob: str) -> LocalFile:
        """Return the file itself; its times tell whether it was changed."""
        return PlainFile(self.path(blob))

    def path(self, blob: str) -> Path:
        """Return where a blob lies, or would."""
        return self._blobs / blob[:2] / blob

    def delete(self, blob: str) -> None:
        """Remove a blob."""
        remove(self.path(blob), missing_ok=True)

    def blobs(self) -> Iterator[str]:
        """Iterate over all blobs."""
        return (path.name for path in self._blobs.glob("*/*") if path == self.path(path.name))

    def strays(self) -> list[Path]:
        """Return files among the blobs that lie where none can be."""
        files = sorted(path for path in self._blobs.rglob("*") if path.is_file())
        return [path for path in files if path != self.path(path.name)]

    def staged(self) -> Iterator[Path]:
        """Iterate over all staged files."""
        return self._staging.iterdir() if self._staging.exists() else iter(())

    def check(self) -> list[str]:
        """Return folders that cannot be written to."""
        folders = [folder for folder in (self._blobs, self._staging) if folder.exists()]
        return [f"{folder} is not writable" for folder in folders if not os.access(folder, os.W_OK | os.X_OK)]

    def close(self) -> None:
        """Hold nothing."""


class FileBackend:
    """Opens the folders in the data directory."""

    name = "files"

    def open(self, context: StorageContext) -> BlobStore:
        """Return the store."""
        return FileBlobStore(context.data_dir)


@hookimpl
def hanami_checks(runtime: Runtime) -> list[Check]:
    """Look for files that no blob can lie in."""

    def strays() -> Iterator[Finding]:
        for file in FileBlobStore(runtime.settings.data_dir).strays():
            yield Finding(f"file {file.relative_to(runtime.settings.data_dir)}", "no blob can lie there", (file,))

    return [Check("places of blobs", strays)]


@hookimpl
def hanami_blob_stores() -> list[BlobBackend]:
    """Add ``files``."""
    return [FileBackend()]
