"""Conformance suite for blob stores.

A plugin's tests derive a class from `BlobStoreConformance` and return their store from the fixture `store`.
"""

from __future__ import annotations

import pytest

from hanami_core.ids import new_uuid
from hanami_core.storage.blobs import BlobStore


def add(store: BlobStore, content: bytes) -> str:
    """Store a blob and return its name."""
    staged, blob = store.stage(), new_uuid()
    staged.write_bytes(content)
    store.commit(staged, blob)
    return blob


class BlobStoreConformance:
    """What every blob store must hold to."""

    @pytest.fixture
    def store(self) -> BlobStore:
        """Return an empty store."""
        raise NotImplementedError("override the fixture 'store'")

    def test_it_is_a_blob_store(self, store: BlobStore) -> None:
        """All methods are there, and a new store is empty."""
        assert isinstance(store, BlobStore)
        assert list(store.blobs()) == []
        assert list(store.staged()) == []

    def test_staged_files_are_new_and_empty(self, store: BlobStore) -> None:
        """Two staged files never are the same one."""
        first, second = store.stage(), store.stage()
        assert first != second
        assert first.read_bytes() == second.read_bytes() == b""
        assert set(store.staged()) == {first, second}

    @pytest.mark.parametrize("content", [b"", b"x", bytes(range(256)) * 5000])
    def test_a_blob_is_read_back(self, store: BlobStore, content: bytes) -> None:
        """What was committed is found under its name, and the staged file is gone."""
        blob = add(store, content)
        assert store.path(blob).read_bytes() == content
        assert list(store.blobs()) == [blob]
        assert list(store.staged()) == []

    def test_deleting_is_final_and_may_be_repeated(self, store: BlobStore) -> None:
        """A deleted blob is gone, a missing one is fine, others stay."""
        kept, gone = add(store, b"kept"), add(store, b"gone")
        for _ in range(2):
            store.delete(gone)
        assert list(store.blobs()) == [kept]
        assert not store.path(gone).exists()
