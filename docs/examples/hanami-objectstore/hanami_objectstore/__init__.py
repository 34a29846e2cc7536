"""The blob store ``objects``: blobs lie in a bucket, and copies of those that were used last on this machine."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hanami_core import hookimpl
from hanami_core.errors import SettingsError
from hanami_core.settings import Setting
from hanami_core.storage.blob_stores import BlobBackend, BlobStore
from hanami_core.storage.contract import StorageContext
from hanami_objectstore.bucket import Bucket
from hanami_objectstore.store import ObjectStore


class ObjectBackend:
    """Opens the bucket that the settings name. Nobody is asked anything yet, so it may be out of reach."""

    name = "objects"

    def open(self, context: StorageContext) -> BlobStore:
        """Return the store. Who must change nothing gets a cache that goes when the store is closed."""
        url = str(context.settings["objectstore.url"])
        if not url.startswith(("http://", "https://")):
            raise SettingsError(f"objectstore.url must be the address of a bucket, not '{url}'")
        limit = int(context.settings["objectstore.cache_bytes"])
        if not context.read_only:
            return ObjectStore(Bucket(url), context.data_dir / "objectstore", limit)
        borrowed = tempfile.TemporaryDirectory(prefix="hanami-objectstore-")
        return ObjectStore(Bucket(url), Path(borrowed.name), limit, borrowed.cleanup)


@hookimpl
def hanami_settings() -> list[Setting]:
    """Declare where the bucket is, and how much of it is kept here."""
    return [
        Setting("objectstore.url", str, "", "Address of the bucket, such as http://store:9000/hanami"),
        Setting("objectstore.cache_bytes", int, 1 << 30, "Bytes of blobs that are kept on this machine", 0),
    ]


@hookimpl
def hanami_blob_stores() -> list[BlobBackend]:
    """Add ``objects``."""
    return [ObjectBackend()]
