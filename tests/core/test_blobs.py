"""Blobs: hash, references, leases, stores, crashes."""

from __future__ import annotations

from pathlib import Path

import pytest

from hanami_core.deprecation import Deprecated
from hanami_core.errors import CorruptFile, StartupError, StoreMissing, Unavailable
from hanami_core.storage import blob_stores
from hanami_core.storage import blobs as blobs_module
from hanami_core.storage.blob_stores import BlobStores, LocalFile
from hanami_core.storage.blobs import Blob, Blobs
from hanami_core.storage.contract import StorageContext
from hanami_core.storage.database import atomic
from hanami_core.storage.opening import open_blobs
from hanami_core.testing.blob_stores import read
from hanami_plugins.blobs_files import FileBackend, FileBlobStore


def add(blobs: Blobs, content: bytes = b"content") -> str:
    with blobs.staging() as path:
        path.write_bytes(content)
        blobs.finalise(path)
        with atomic():
            return blobs.link(path)


def content(blobs: Blobs, name: str) -> bytes:
    with blobs.open(name) as path:
        return path.read_bytes()


def file_of(blobs: Blobs, name: str) -> Path:
    assert isinstance(blobs.store, FileBlobStore)
    return blobs.store.path(name)


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Return the paths that are hashed, as it happens."""
    done: list[Path] = []
    original = blobs_module._sha256
    monkeypatch.setattr(blobs_module, "_sha256", lambda path: done.append(path) or original(path))
    return done


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let files count as unchanged at once, and not only after a while."""
    monkeypatch.setattr(blob_stores, "_FRESH_SECONDS", 0.0)


def test_a_blob_is_read_back(blobs: Blobs) -> None:
    assert content(blobs, add(blobs)) == b"content"
    assert list(blobs.store.staged()) == []
    assert [row.store for row in Blob.select()] == ["files"]


def test_a_named_staged_file_replaces_the_one_that_was_left_behind(blobs: Blobs) -> None:
    left = blobs.store.stage()
    left = left.rename(left.with_name("decoding-7"))
    left.write_bytes(b"half of it")
    with blobs.staging("decoding-7") as path:
        assert path == left
        assert path.read_bytes() == b""
        path.write_bytes(b"content")
        with atomic():
            name = blobs.link(path)
    assert list(blobs.store.staged()) == []
    assert blobs.open(name).path.read_bytes() == b"content"


@pytest.mark.parametrize("damage", [b"c0ntent", b"conten", b""])
def test_a_changed_blob_is_noticed(blobs: Blobs, damage: bytes) -> None:
    name = add(blobs)
    file_of(blobs, name).write_bytes(damage)
    with pytest.raises(CorruptFile, match="was changed"):
        blobs.open(name)


def test_a_blob_that_changes_after_its_first_use_is_noticed(blobs: Blobs, settled: None, hashed: list[Path]) -> None:
    name = add(blobs)
    for _ in range(3):
        assert content(blobs, name) == b"content"
    assert len(hashed) == 2  # once to store it, once to read it
    file_of(blobs, name).write_bytes(b"c0ntent")
    for _ in range(2):
        with pytest.raises(CorruptFile, match="was changed"):
            blobs.open(name)
    file_of(blobs, name).write_bytes(b"content")
    assert content(blobs, name) == b"content"


def test_a_file_that_was_just_changed_is_hashed_again(blobs: Blobs, hashed: list[Path]) -> None:
    name = add(blobs)
    for _ in range(2):
        assert content(blobs, name) == b"content"
    assert len(hashed) == 3


def test_what_changes_while_it_is_hashed_is_not_remembered(
    blobs: Blobs, settled: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = add(blobs)
    original = blobs_module._sha256

    def slow(path: Path) -> str:
        digest = original(path)
        path.write_bytes(b"CONTENT")
        return digest

    monkeypatch.setattr(blobs_module, "_sha256", slow)
    blobs.open(name)
    monkeypatch.setattr(blobs_module, "_sha256", original)
    with pytest.raises(CorruptFile):
        blobs.open(name)


def test_few_verified_blobs_are_remembered(
    blobs: Blobs, settled: None, hashed: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blobs, "_verified", blobs_module._Verified(2))
    names = [add(blobs, bytes([number])) for number in range(3)]
    for name in (names[0], names[1], names[0], names[2], names[0]):
        content(blobs, name)
    assert len(hashed) == 3 + 3
    content(blobs, names[1])
    assert len(hashed) == 3 + 4


def test_verifying_always_reads(blobs: Blobs, settled: None, hashed: list[Path]) -> None:
    name = add(blobs)
    for _ in range(2):
        blobs.verify(name)
    assert len(hashed) == 3


def test_a_missing_blob_is_noticed(blobs: Blobs) -> None:
    name = add(blobs)
    blobs.store.delete(name)
    for unknown in (name, "f" * 36):
        with pytest.raises(CorruptFile, match=f"blob {unknown} is missing"):
            blobs.open(unknown)


def test_a_blob_that_is_deleted_before_its_file_is_opened_is_missing(blobs: Blobs) -> None:
    name = add(blobs)
    lease = blobs.open(name)
    blobs.decref(name)
    with pytest.raises(CorruptFile, match=f"blob {name} is missing"), lease as path, path.open("rb"):
        pass


def test_a_blob_that_is_deleted_before_it_is_compared_is_missing(blobs: Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
    name, fetch = add(blobs), blobs.store.fetch

    def fetch_too_late(blob: str) -> LocalFile:
        file = fetch(blob)
        blobs.decref(blob)
        return file

    monkeypatch.setattr(blobs.store, "fetch", fetch_too_late)
    with pytest.raises(CorruptFile, match=f"blob {name} is missing"):
        blobs.open(name)


def test_a_file_that_is_missing_for_another_reason_is_not_the_blob(blobs: Blobs, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), blobs.open(add(blobs)):
        (tmp_path / "another").read_bytes()


def test_the_last_reference_removes_the_file_after_the_commit(blobs: Blobs) -> None:
    name = add(blobs)
    blobs.incref(name)
    blobs.decref(name)
    assert file_of(blobs, name).exists()
    with atomic():
        blobs.decref(name)
        assert file_of(blobs, name).exists()
    assert not file_of(blobs, name).exists()
    assert Blob.select().count() == 0


def test_the_former_names_of_methods_work_with_a_warning(blobs: Blobs) -> None:
    for former, name in (("seal", "finalise"), ("adopt", "link"), ("retain", "incref"), ("release", "decref")):
        with pytest.warns(Deprecated, match=f"deprecated since 0.1, gone in 0.4; use {name}"):
            assert getattr(blobs, former) == getattr(blobs, name)
    with pytest.raises(AttributeError, match="'Blobs' object has no attribute 'seel'"):
        getattr(blobs, "seel")  # noqa: B009


def test_a_blob_that_is_gone_gets_no_reference(blobs: Blobs) -> None:
    name = add(blobs)
    blobs.decref(name)
    with pytest.raises(CorruptFile, match=f"blob {name} is missing"):
        blobs.incref(name)


def test_removing_a_reference_to_a_blob_that_is_gone_is_told(blobs: Blobs, caplog: pytest.LogCaptureFixture) -> None:
    kept, name = add(blobs), add(blobs)
    blobs.decref(name)
    assert not caplog.records
    blobs.decref(name)
    assert [(record.message, vars(record)["blob"]) for record in caplog.records] == [("released blob is missing", name)]
    assert content(blobs, kept) == b"content"


def test_a_reference_whose_removal_is_rolled_back_keeps_the_file(blobs: Blobs) -> None:
    name = add(blobs)
    with pytest.raises(RuntimeError), atomic():
        blobs.decref(name)
        raise RuntimeError("rolled back")
    assert content(blobs, name) == b"content"


def test_a_release_in_a_rolled_back_savepoint_keeps_the_file(blobs: Blobs) -> None:
    name = add(blobs)
    with atomic():
        with pytest.raises(RuntimeError), atomic():
            blobs.decref(name)
            raise RuntimeError("rolled back")
    assert content(blobs, name) == b"content"


@pytest.mark.parametrize("finalised", [True, False])
def test_a_failed_transaction_leaves_nothing_behind(blobs: Blobs, finalised: bool) -> None:
    with pytest.raises(RuntimeError), blobs.staging() as path:
        path.write_bytes(b"content")
        if finalised:
            blobs.finalise(path)
        with atomic():
            blobs.link(path)
            raise RuntimeError("rolled back")
    assert list(blobs.store.blobs()) == []
    assert list(blobs.store.staged()) == []


def test_a_store_that_fails_half_way_leaves_nothing_behind(blobs: Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
    original = blobs.store.commit

    def fail(staged: Path, blob: str) -> None:
        original(staged, blob)
        raise OSError("the disk is full")

    monkeypatch.setattr(blobs.store, "commit", fail)
    with pytest.raises(OSError, match="full"), blobs.staging() as path:
        blobs.finalise(path)
    assert list(blobs.store.blobs()) == list(blobs.store.staged()) == []


def test_recovery_removes_what_a_crash_left(blobs: Blobs) -> None:
    kept = add(blobs)
    staged, orphan = blobs.store.stage(), blobs.store.stage()
    blobs.store.commit(orphan, "f" * 36)
    assert blobs.orphans() == [("files", "f" * 36)]
    assert sorted(blobs.recover(set())) == sorted(["f" * 36, staged.name])
    assert list(blobs.store.blobs()) == [kept]
    assert list(blobs.store.staged()) == []


def test_recovery_keeps_staged_files_that_are_named(blobs: Blobs) -> None:
    staged = blobs.store.stage()
    assert blobs.recover({staged}) == []
    assert list(blobs.store.staged()) == [staged]


# -- leases ------------------------------------------------------------------------------------------------------------


class CachedFile:
    """A copy that is removed when nobody reads it."""

    def __init__(self, store: CachingStore, blob: str, path: Path) -> None:
        self._store, self._blob, self.path = store, blob, path

    def mark(self) -> None:
        return None

    def release(self, *, damaged: bool = False) -> None:
        self._store.damaged += damaged
        self._store.leases[self._blob] -= 1
        if not self._store.leases[self._blob]:
            self.path.unlink()


class CachingStore(FileBlobStore):
    """Keeps a copy of a blob for as long as somebody reads it."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.cache = root / "cache"
        self.leases: dict[str, int] = {}
        self.damaged = 0
        self.closed = False

    def fetch(self, blob: str) -> CachedFile:  # type: ignore[override]
        self.cache.mkdir(exist_ok=True)
        copy = self.cache / blob
        if not self.leases.get(blob):
            copy.write_bytes(self.path(blob).read_bytes())
        self.leases[blob] = self.leases.get(blob, 0) + 1
        return CachedFile(self, blob, copy)

    def close(self) -> None:
        self.closed = True


class CachingBackend:
    name = "caching"

    def open(self, context: StorageContext) -> CachingStore:
        return CachingStore(context.data_dir / "far")


def stores(context: StorageContext, chosen: str, *backends: object) -> Blobs:
    by_name = {backend.name: backend for backend in backends or (FileBackend(), CachingBackend())}  # type: ignore[attr-defined]
    return Blobs(BlobStores(by_name, chosen, context))  # type: ignore[arg-type]


@pytest.fixture
def caching(blobs: Blobs, context: StorageContext) -> CachingStore:
    """A store whose copies come and go; `blobs` has made the tables."""
    (context.data_dir / "far").mkdir()
    store = stores(context, "caching").store
    assert isinstance(store, CachingStore)
    return store


def test_a_lease_keeps_the_file(caching: CachingStore, context: StorageContext) -> None:
    far = stores(context, "caching")
    name = add(far)
    first, second = far.open(name), far.open(name)
    with first as path:
        assert path.read_bytes() == b"content"
    first.release()  # once more is fine
    assert second.path.read_bytes() == b"content"
    second.release()
    assert not second.path.exists()
    assert content(far, name) == b"content"


def test_a_copy_that_was_fetched_again_is_verified_again(caching: CachingStore, context: StorageContext) -> None:
    far = stores(context, "caching")
    name = add(far)
    assert content(far, name) == b"content"
    caching.path(name).write_bytes(b"c0ntent")
    with pytest.raises(CorruptFile, match="was changed"):
        far.open(name)
    with pytest.raises(CorruptFile, match="was changed"):
        far.verify(name)
    assert list(caching.cache.iterdir()) == []  # the lease of what is refused was given back
    assert isinstance(far.store, CachingStore)
    assert far.store.damaged == 2


# -- stores ------------------------------------------------------------------------------------------------------------


def test_a_blob_is_read_from_the_store_that_it_lies_in(
    caching: CachingStore, blobs: Blobs, context: StorageContext
) -> None:
    near, far = add(blobs, b"near"), add(stores(context, "caching"), b"far")
    both = stores(context, "caching")
    assert (content(both, near), content(both, far)) == (b"near", b"far")
    assert both.names() == {near: "files", far: "caching"}
    both.decref(near)
    assert not file_of(blobs, near).exists()
    assert read(caching, far) == b"far"
    both.close()


def test_a_blob_of_a_store_that_is_gone_names_it(
    caching: CachingStore, blobs: Blobs, context: StorageContext, caplog: pytest.LogCaptureFixture
) -> None:
    name = add(stores(context, "caching"))
    alone = stores(context, "files", FileBackend())
    with pytest.raises(StoreMissing, match=f"blob {name} lies in the blob store 'caching', which no plugin brings"):
        alone.open(name)
    assert list(alone.check()) == [("caching", "no plugin brings the blob store 'caching'")]
    assert alone.recover(set()) == []
    alone.decref(name)
    assert Blob.select().count() == 0
    assert [vars(record)["blob"] for record in caplog.records] == [name]
    assert read(caching, name) == b"content"


def test_a_store_that_can_not_be_reached_is_told(
    caching: CachingStore, context: StorageContext, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    far = stores(context, "caching")
    name = add(far)

    def fail(*_: object) -> None:
        raise ConnectionError("no route to the bucket")

    for method in ("fetch", "blobs", "check", "delete"):
        monkeypatch.setattr(CachingStore, method, fail)
    with pytest.raises(Unavailable, match=r"store unavailable \(store caching\): no route to the bucket"):
        far.open(name)
    with pytest.raises(StartupError, match="blob store 'caching' cannot be read: no route to the bucket"):
        far.recover(set())
    assert list(far.check()) == [("caching", "no route to the bucket")]
    far.decref(name)
    assert [record.message for record in caplog.records] == ["blob cannot be fetched", "blob not removed"]


def test_recovery_looks_into_all_stores_that_are_used(
    caching: CachingStore, blobs: Blobs, context: StorageContext
) -> None:
    add(stores(context, "caching"))
    orphan, staged = caching.stage(), caching.stage()
    caching.commit(orphan, "f" * 36)
    assert sorted(stores(context, "files").recover(set())) == sorted(["f" * 36, staged.name])


def test_recovery_leaves_stores_alone_that_are_not_used(
    caching: CachingStore, blobs: Blobs, context: StorageContext
) -> None:
    caching.commit(caching.stage(), "f" * 36)
    assert stores(context, "files").recover(set()) == []


def test_a_file_in_another_store_than_its_row_says_is_an_orphan(
    caching: CachingStore, blobs: Blobs, context: StorageContext
) -> None:
    name = add(blobs)
    caching.commit(caching.stage(), name)
    assert stores(context, "caching").recover(set()) == [name]
    assert content(blobs, name) == b"content"


def test_stores_are_closed(caching: CachingStore, context: StorageContext) -> None:
    far = stores(context, "caching")
    store = far.store
    assert isinstance(store, CachingStore)
    far.close()
    assert store.closed
    with pytest.raises(StoreMissing):
        _ = far.store


class Failing:
    name = "failing"

    def open(self, context: StorageContext) -> object:
        raise ConnectionError("no route to the bucket")


class Wrong:
    name = "wrong"

    def open(self, context: StorageContext) -> object:
        return {}


def test_a_store_that_can_not_be_opened_refuses_the_start_only_if_it_is_chosen(
    blobs: Blobs, context: StorageContext
) -> None:
    with pytest.raises(StartupError, match="blob store 'failing': ConnectionError: no route to the bucket"):
        stores(context, "failing", Failing())
    with pytest.raises(StartupError, match="blob store 'wrong': the backend returned dict, no store"):
        stores(context, "wrong", Wrong())
    both = stores(context, "files", FileBackend(), Failing())
    name = add(both)
    assert content(both, name) == b"content"
    Blob.update(store="failing").execute()
    with pytest.raises(StartupError, match="no route"):
        both.open(name)


def test_a_name_that_nobody_brings_is_one_clear_line(context: StorageContext) -> None:
    with pytest.raises(StartupError) as caught:
        open_blobs({"bucket": CachingBackend()}, context, " (s3: ImportError: no module named boto)")
    line = "storage.blobs is 'files', but no plugin brings a blob store of that name; known: bucket"
    assert str(caught.value) == f"{line} (s3: ImportError: no module named boto)"


def test_recovery_keeps_what_nobody_knows(blobs: Blobs, context: StorageContext) -> None:
    orphan = blobs.store.stage()
    orphan.write_bytes(b"whose is it")
    blobs.store.commit(orphan, "f" * 36)
    assert blobs.recover(set()) == ["f" * 36]
    (kept,) = (context.data_dir / "lost+found").glob(f"*/blobs/{'f' * 36}")
    assert kept.read_bytes() == b"whose is it"


def test_recovery_leaves_what_is_needed_where_it_is(blobs: Blobs, caplog: pytest.LogCaptureFixture) -> None:
    name = add(blobs)
    Blob.delete().execute()
    assert blobs.recover(set(), lambda orphans: orphans) == []
    assert [vars(record)["blobs"] for record in caplog.records] == [[name]]
    with atomic():
        blobs.admit("files", name, 2)
    assert content(blobs, name) == b"content"
    assert Blob.get().references == 2
    assert not blobs.correct(name, 1, 5)
    assert blobs.correct(name, 2, 5)
    assert Blob.get().references == 5
