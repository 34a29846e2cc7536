"""Blobs: hash, references, crashes."""

from __future__ import annotations

import pytest

from hanami_core.errors import CorruptFile
from hanami_core.storage.blobs import Blob, Blobs
from hanami_core.storage.database import atomic


def add(blobs: Blobs, content: bytes = b"content") -> str:
    with blobs.staging() as path:
        path.write_bytes(content)
        blobs.seal(path)
        with atomic():
            return blobs.adopt(path)


def test_a_blob_is_read_back(blobs: Blobs) -> None:
    assert blobs.open(add(blobs)).read_bytes() == b"content"
    assert list(blobs.store.staged()) == []


def test_a_named_staged_file_replaces_the_one_that_was_left_behind(blobs: Blobs) -> None:
    left = blobs.store.stage()
    left = left.rename(left.with_name("decoding-7"))
    left.write_bytes(b"half of it")
    with blobs.staging("decoding-7") as path:
        assert path == left
        assert path.read_bytes() == b""
        path.write_bytes(b"content")
        with atomic():
            name = blobs.adopt(path)
    assert list(blobs.store.staged()) == []
    assert blobs.open(name).read_bytes() == b"content"


@pytest.mark.parametrize("damage", [b"c0ntent", b"conten", b""])
def test_a_changed_blob_is_noticed(blobs: Blobs, damage: bytes) -> None:
    name = add(blobs)
    blobs.store.path(name).write_bytes(damage)
    with pytest.raises(CorruptFile, match="was changed"):
        blobs.open(name)


def test_a_missing_blob_is_noticed(blobs: Blobs) -> None:
    name = add(blobs)
    blobs.store.delete(name)
    with pytest.raises(CorruptFile, match="missing"):
        blobs.open(name)


def test_the_last_reference_removes_the_file_after_the_commit(blobs: Blobs) -> None:
    name = add(blobs)
    blobs.retain(name)
    blobs.release(name)
    assert blobs.store.path(name).exists()
    with atomic():
        blobs.release(name)
        assert blobs.store.path(name).exists()
    assert not blobs.store.path(name).exists()
    assert Blob.select().count() == 0


def test_a_blob_that_is_gone_is_not_retained(blobs: Blobs) -> None:
    name = add(blobs)
    blobs.release(name)
    with pytest.raises(CorruptFile, match=f"blob {name} is missing"):
        blobs.retain(name)


def test_releasing_a_blob_that_is_gone_is_told(blobs: Blobs, caplog: pytest.LogCaptureFixture) -> None:
    kept, name = add(blobs), add(blobs)
    blobs.release(name)
    assert not caplog.records
    blobs.release(name)
    assert [(record.message, vars(record)["blob"]) for record in caplog.records] == [("released blob is missing", name)]
    assert blobs.open(kept).exists()


def test_a_rolled_back_release_keeps_the_file(blobs: Blobs) -> None:
    name = add(blobs)
    with pytest.raises(RuntimeError), atomic():
        blobs.release(name)
        raise RuntimeError("rolled back")
    assert blobs.open(name).read_bytes() == b"content"


@pytest.mark.parametrize("seal", [True, False])
def test_a_failed_transaction_leaves_nothing_behind(blobs: Blobs, seal: bool) -> None:
    with pytest.raises(RuntimeError), blobs.staging() as path:
        path.write_bytes(b"content")
        if seal:
            blobs.seal(path)
        with atomic():
            blobs.adopt(path)
            raise RuntimeError("rolled back")
    assert list(blobs.store.blobs()) == []
    assert list(blobs.store.staged()) == []


def test_recovery_removes_what_a_crash_left(blobs: Blobs) -> None:
    kept = add(blobs)
    staged, orphan = blobs.store.stage(), blobs.store.stage()
    blobs.store.commit(orphan, "f" * 36)
    assert sorted(blobs.recover(set())) == sorted(["f" * 36, staged.name])
    assert list(blobs.store.blobs()) == [kept]
    assert list(blobs.store.staged()) == []
