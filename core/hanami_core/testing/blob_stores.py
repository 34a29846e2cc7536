"""Conformance suite for blob stores.

A plugin's tests derive a class from `BlobStoreConformance` and return their backend from the fixture `backend`; if it
needs settings, they override the fixture `context`, too::

    class TestBucket(BlobStoreConformance):
        @pytest.fixture
        def backend(self):
            return BucketBackend()

        @pytest.fixture
        def context(self, tmp_path, bucket_server):
            return storage_context(tmp_path, {"bucket.address": bucket_server.address})
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hanami_core.ids import new_uuid
from hanami_core.storage.blob_stores import BlobBackend, BlobStore
from hanami_core.storage.contract import StorageContext
from hanami_core.testing.storage import storage_context

__all__ = ["BlobStoreConformance", "add", "read"]


def add(store: BlobStore, content: bytes) -> str:
    """Store a blob and return its name."""
    staged, blob = store.stage(), new_uuid()
    staged.write_bytes(content)
    store.commit(staged, blob)
    return blob


def read(store: BlobStore, blob: str) -> bytes:
    """Return the content of a blob."""
    file = store.fetch(blob)
    try:
        return file.path.read_bytes()
    finally:
        file.release()


class BlobStoreConformance:
    """Requirements for every blob store."""

    @pytest.fixture
    def backend(self) -> BlobBackend:
        """Return the backend."""
        raise NotImplementedError("override the fixture 'backend'")

    @pytest.fixture
    def context(self, tmp_path: Path) -> StorageContext:
        """Return the context for opening an empty store."""
        return storage_context(tmp_path)

    @pytest.fixture
    def store(self, backend: BlobBackend, context: StorageContext) -> Iterator[BlobStore]:
        """Open the store."""
        opened = backend.open(context)
        yield opened
        opened.close()

    def test_it_is_a_blob_store(self, backend: BlobBackend, store: BlobStore) -> None:
        """All methods are there, and a new store is empty and has nothing to complain of."""
        assert isinstance(backend, BlobBackend)
        assert isinstance(store, BlobStore)
        assert re.fullmatch(r"[a-z][a-z0-9_]{0,63}", backend.name)
        assert [*store.blobs(), *store.staged(), *store.check()] == []

    def test_staged_files_are_new_and_empty(self, store: BlobStore) -> None:
        """Two staged files never are the same one."""
        first, second = store.stage(), store.stage()
        assert first != second
        assert first.read_bytes() == second.read_bytes() == b""
        assert set(store.staged()) == {first, second}
        assert list(store.blobs()) == []

    @pytest.mark.parametrize("content", [b"", b"x", bytes(range(256)) * 5000])
    def test_a_blob_is_read_back(self, store: BlobStore, content: bytes) -> None:
        """What was committed is found under its name, and the staged file is gone."""
        blob = add(store, content)
        assert read(store, blob) == content
        assert list(store.blobs()) == [blob]
        assert list(store.staged()) == []

    def test_what_does_not_exist_can_not_be_fetched(self, store: BlobStore) -> None:
        """Neither what was never there, nor what was deleted or is still staged."""
        gone = add(store, b"gone")
        assert read(store, gone) == b"gone"
        store.delete(gone)
        store.stage()
        for blob in (new_uuid(), gone):
            with pytest.raises(FileNotFoundError):
                store.fetch(blob)

    def test_deleting_is_final_and_may_be_repeated(self, store: BlobStore) -> None:
        """A deleted blob is gone, a missing one is fine, others stay."""
        kept, gone = add(store, b"kept"), add(store, b"gone")
        for _ in range(2):
            store.delete(gone)
        assert list(store.blobs()) == [kept]
        assert read(store, kept) == b"kept"

    def test_who_reads_a_blob_is_not_disturbed_when_it_is_deleted(self, store: BlobStore) -> None:
        """What was opened before can be read to its end."""
        blob = add(store, b"some content")
        file = store.fetch(blob)
        with file.path.open("rb") as opened:
            store.delete(blob)
            assert opened.read() == b"some content"
        file.release()
        assert list(store.blobs()) == []

    def test_several_may_have_fetched_a_blob(self, store: BlobStore) -> None:
        """Who gives it back takes nothing from the others."""
        blob = add(store, b"shared")
        first, second = store.fetch(blob), store.fetch(blob)
        first.release()
        assert second.path.read_bytes() == b"shared"
        second.release()
        assert read(store, blob) == b"shared"

    def test_a_changed_file_does_not_look_unchanged(self, store: BlobStore) -> None:
        """A mark promises that the content is the same; a store that cannot tell gives none."""
        blob = add(store, b"content")
        file = store.fetch(blob)
        before = file.mark()
        file.path.chmod(0o600)
        file.path.write_bytes(b"CONTENT")
        after = file.mark()
        file.release()
        assert after is None or after != before

    def test_blobs_and_staged_files_survive_a_restart(self, backend: BlobBackend, context: StorageContext) -> None:
        """What was committed is there; what was not is found, so that it can be removed."""
        store = backend.open(context)
        blob, staged = add(store, b"content"), store.stage()
        store.close()
        again = backend.open(context)
        assert read(again, blob) == b"content"
        assert list(again.blobs()) == [blob]
        assert list(again.staged()) == [staged]
        again.close()

    def test_many_threads_may_use_it(self, store: BlobStore) -> None:
        """Each finds what it has stored."""

        def work(number: int) -> bool:
            blob = add(store, bytes([number]) * 1000)
            same = read(store, blob) == bytes([number]) * 1000
            store.delete(blob)
            return same

        with ThreadPoolExecutor(8) as threads:
            assert all(threads.map(work, range(64)))
        assert list(store.blobs()) == []
