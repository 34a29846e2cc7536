"""Blobs as files in the data directory, spread over 256 folders."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from hanami_core import hookimpl
from hanami_core.checks import Check, Finding
from hanami_core.ids import new_uuid
from hanami_core.runtime import Runtime
from hanami_core.settings import Settings

essential = True


class FileBlobStore:
    """A blob store in a folder; staged files lie beside the blobs, on the same file system."""

    def __init__(self, root: Path) -> None:
        """Use a folder, which is made when it is needed."""
        self._blobs = root / "blobs"
        self._staging = root / "staging"

    def stage(self) -> Path:
        """Return a new, empty file."""
        self._staging.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._staging / new_uuid()
        path.touch(mode=0o600)
        return path

    def commit(self, staged: Path, blob: str) -> None:
        """Sync the content, rename the file, sync the folder."""
        final = self.path(blob)
        final.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _sync(staged)
        staged.replace(final)
        _sync(final.parent)
        _sync(final.parent.parent)

    def path(self, blob: str) -> Path:
        """Return where a blob lies."""
        return self._blobs / blob[:2] / blob

    def delete(self, blob: str) -> None:
        """Remove a blob."""
        self.path(blob).unlink(missing_ok=True)

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


@hookimpl
def hanami_checks(runtime: Runtime) -> list[Check]:
    """Look for files that no blob can lie in."""

    def strays() -> Iterator[Finding]:
        for file in FileBlobStore(runtime.settings.data_dir).strays():
            yield Finding(f"file {file.relative_to(runtime.settings.data_dir)}", "no blob can lie there", (file,))

    return [Check("places of blobs", strays)]


@hookimpl(trylast=True)
def hanami_blob_store(settings: Settings) -> FileBlobStore:
    """Keep blobs in the data directory."""
    return FileBlobStore(settings.data_dir)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
