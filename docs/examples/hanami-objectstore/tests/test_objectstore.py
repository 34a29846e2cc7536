"""The store passes the suite for blob stores, its cache evicts the right files, and core notices what is damaged."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hanami_objectstore import ObjectBackend
from hanami_objectstore.cache import Cache
from hanami_objectstore.store import ObjectStore
from tiny_bucket import TinyBucket

from hanami_core.errors import CorruptFile, SettingsError, StartupError, Unavailable
from hanami_core.storage.blob_stores import BlobBackend
from hanami_core.storage.blobs import Blobs
from hanami_core.storage.contract import StorageContext
from hanami_core.storage.database import atomic
from hanami_core.testing.blob_stores import BlobStoreConformance, add, read
from hanami_core.testing.storage import storage_context

LIMIT = 3000


@pytest.fixture
def bucket() -> Iterator[TinyBucket]:
    with TinyBucket() as running:
        yield running


@pytest.fixture
def context(tmp_path: Path, bucket: TinyBucket) -> StorageContext:
    return storage_context(tmp_path, {"objectstore.url": bucket.url, "objectstore.cache_bytes": LIMIT})


@pytest.fixture
def store(context: StorageContext) -> ObjectStore:
    opened = ObjectBackend().open(context)
    assert isinstance(opened, ObjectStore)
    return opened


class TestObjectStore(BlobStoreConformance):
    @pytest.fixture
    def backend(self) -> BlobBackend:
        return ObjectBackend()

    @pytest.fixture
    def context(self, tmp_path: Path, bucket: TinyBucket) -> StorageContext:
        return storage_context(tmp_path, {"objectstore.url": bucket.url, "objectstore.cache_bytes": LIMIT})


class TestObjectStoreWithoutRoom(TestObjectStore):
    """Everything holds for a cache that keeps nothing, too."""

    @pytest.fixture
    def context(self, tmp_path: Path, bucket: TinyBucket) -> StorageContext:
        return storage_context(tmp_path, {"objectstore.url": bucket.url, "objectstore.cache_bytes": 0})


def cached(context: StorageContext) -> set[str]:
    return set(os.listdir(context.data_dir / "objectstore" / "cache"))


def test_a_blob_is_downloaded_once(store: ObjectStore, bucket: TinyBucket) -> None:
    blob = add(store, b"content")
    for _ in range(3):
        assert read(store, blob) == b"content"
    assert bucket.calls[f"GET {blob}"] == 1


def test_what_was_used_last_is_kept(store: ObjectStore, context: StorageContext) -> None:
    names = [add(store, bytes([number]) * 1000) for number in range(4)]
    for number in (0, 1, 2, 0, 3):
        read(store, names[number])
    assert cached(context) == {names[0], names[2], names[3]}


def test_what_is_leased_is_never_evicted(store: ObjectStore, context: StorageContext) -> None:
    names = [add(store, bytes([number]) * 2000) for number in range(4)]
    first = store.fetch(names[0])
    for blob in names[1:]:
        read(store, blob)
    store.delete(names[0])
    assert first.path.read_bytes() == bytes(2000)
    assert cached(context) == {names[0]}
    first.release()
    read(store, names[3])
    assert cached(context) == {names[3]}


def test_the_leases_of_another_process_count(store: ObjectStore, context: StorageContext) -> None:
    blob = add(store, bytes(2000))
    read(store, blob)
    code = (
        "import sys, pathlib; from hanami_objectstore.cache import Cache\n"
        "held = Cache(pathlib.Path(sys.argv[1]), 0).find(sys.argv[2])\n"
        "print('held', flush=True); sys.stdin.read()"
    )
    directory = context.data_dir / "objectstore" / "cache"
    command = [sys.executable, "-W", "ignore", "-c", code, str(directory), blob]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        Cache(directory, 0).shrink()
        assert cached(context) == {blob}
        holder.communicate()
    Cache(directory, 0).shrink()
    assert cached(context) == set()


def test_a_download_that_breaks_off_leaves_nothing(
    store: ObjectStore, context: StorageContext, bucket: TinyBucket
) -> None:
    blob = add(store, b"content")
    bucket.cut = 3
    with pytest.raises(ConnectionError, match="broke off 3 bytes before the end"):
        store.fetch(blob)
    assert list(store.staged()) == []
    bucket.cut = 0
    assert read(store, blob) == b"content"


def test_looking_leaves_no_trace(context: StorageContext, bucket: TinyBucket) -> None:
    bucket.objects["a"] = b"content"
    opened = ObjectBackend().open(StorageContext(context.settings, context.clock, read_only=True))
    assert read(opened, "a") == b"content"
    opened.close()
    assert not (context.data_dir / "objectstore").exists()


def test_an_address_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"objectstore\.url must be the address of a bucket, not ''"):
        ObjectBackend().open(storage_context(tmp_path, {"objectstore.url": "", "objectstore.cache_bytes": 0}))


# -- with core ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def blobs(make_app: Callable[..., Any], bucket: TinyBucket) -> Blobs:
    """Blobs of a whole application whose store is the bucket."""
    app = make_app(storage__blobs="objects", objectstore__url=bucket.url, objectstore__cache_bytes=0)
    found: Blobs = app.runtime.blobs
    return found


def linked(blobs: Blobs, content: bytes) -> str:
    with blobs.staging() as path:
        path.write_bytes(content)
        with atomic():
            return blobs.link(path)


def test_a_damaged_object_is_never_served_and_a_mended_one_is(blobs: Blobs, bucket: TinyBucket) -> None:
    blob = linked(blobs, b"content")
    bucket.objects[blob] = b"c0ntent"
    with pytest.raises(CorruptFile, match=f"blob {blob} was changed after it had been stored"):
        blobs.open(blob)
    bucket.objects[blob] = b"content"
    with blobs.open(blob) as path:
        assert path.read_bytes() == b"content"


def test_a_damaged_copy_is_not_kept(make_app: Callable[..., Any], bucket: TinyBucket) -> None:
    blobs = make_app(storage__blobs="objects", objectstore__url=bucket.url).runtime.blobs
    blob = linked(blobs, b"content")
    bucket.objects[blob] = b"c0ntent"
    for _ in range(2):
        with pytest.raises(CorruptFile):
            blobs.open(blob)
    bucket.objects[blob] = b"content"
    with blobs.open(blob) as path:
        assert path.read_bytes() == b"content"
    assert bucket.calls[f"GET {blob}"] == 3


def test_a_bucket_that_is_out_of_reach_is_told(make_app: Callable[..., Any], caplog: pytest.LogCaptureFixture) -> None:
    with TinyBucket() as bucket:
        blobs = make_app(storage__blobs="objects", objectstore__url=bucket.url).runtime.blobs
        blob = linked(blobs, b"content")
    with pytest.raises(Unavailable, match=r"store unavailable \(store objects\): .*Connection refused"):
        blobs.open(blob)
    with pytest.raises(StartupError, match=r"blob store 'objects' cannot be read: .*Connection refused"):
        blobs.recover(set())
    assert ["Connection refused" in problem for _, problem in blobs.check()] == [True]
    with atomic():
        blobs.decref(blob)
    assert "blob not removed" in caplog.text
