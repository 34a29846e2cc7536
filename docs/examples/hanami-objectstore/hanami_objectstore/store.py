"""The blob store that a bucket and a cache are together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from hanami_core.ids import new_uuid
from hanami_core.storage.blob_stores import LocalFile
from hanami_objectstore.bucket import Bucket
from hanami_objectstore.cache import Cache, CachedFile


class ObjectStore:
    """Blobs in a bucket. Files that are not complete, be they on their way in or out, are staged on this machine."""

    def __init__(self, bucket: Bucket, root: Path, limit: int, ended: Callable[[], object] = lambda: None) -> None:
        """Use a bucket, a folder with a cache of at most `limit` bytes, and do something at the end."""
        self._bucket = bucket
        self._staging = root / "staging"
        self._cache = Cache(root / "cache", limit)
        self._ended = ended

    def stage(self) -> Path:
        """Return a new, empty file."""
        self._staging.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._staging / new_uuid()
        path.touch(mode=0o600)
        return path

    def commit(self, staged: Path, blob: str) -> None:
        """Send the file to the bucket."""
        self._bucket.put(blob, staged)
        staged.unlink()

    def fetch(self, blob: str) -> LocalFile:
        """Lease the copy in the cache, or download one; its content is verified by the caller."""
        while True:
            found = self._cache.find(blob) or self._download(blob)
            if found is not None:
                return found

    def _download(self, blob: str) -> CachedFile | None:
        staged = self.stage()
        try:
            with staged.open("wb") as file:
                self._bucket.get(blob, file)
            return self._cache.add(staged, blob)
        finally:
            staged.unlink()

    def delete(self, blob: str) -> None:
        """Remove an object, and the copy of it."""
        self._bucket.delete(blob)
        self._cache.discard(blob)

    def blobs(self) -> Iterator[str]:
        """Iterate over the names of all objects."""
        return iter(self._bucket.names())

    def staged(self) -> Iterator[Path]:
        """Iterate over all staged files, those of downloads that were broken off included."""
        return self._staging.iterdir() if self._staging.exists() else iter(())

    def check(self) -> list[str]:
        """Tell if the bucket cannot be reached."""
        try:
            self._bucket.names()
        except OSError as error:
            return [f"{self._bucket.url}: {error}"]
        return []

    def close(self) -> None:
        """Hold nothing: leases have ended."""
        self._ended()
