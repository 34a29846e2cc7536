"""Conformance suite for storages of folders.

A plugin's tests derive a class from `FolderStorageConformance` and return their backend from the fixture `backend`; if
it needs settings, they override the fixture `context`, too::

    class TestShare(FolderStorageConformance):
        @pytest.fixture
        def backend(self):
            return ShareBackend()
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hanami_core.ids import new_uuid
from hanami_core.storage.contract import StorageContext
from hanami_core.testing.storage import storage_context
from hanami_plugins.folders.paths import ROOT, FolderPath, parse_path
from hanami_plugins.folders.storages import FolderBackend, FolderStorage, FolderUsage, WrongOffset

__all__ = ["FolderStorageConformance", "add_file", "read_file", "tree"]


def add_file(storage: FolderStorage, folder: str, path: str, content: bytes) -> FolderUsage:
    """Store a file and return what it has replaced."""
    upload = new_uuid()
    storage.append(upload, 0, [content], len(content))
    return storage.complete(upload, folder, parse_path(path), len(content))


def read_file(storage: FolderStorage, folder: str, path: str) -> bytes:
    """Return the content of a file."""
    file = storage.open(folder, parse_path(path))
    try:
        return b"".join(file.read(0, file.size))
    finally:
        file.close()


def tree(storage: FolderStorage, folder: str) -> dict[str, str]:
    """Return what lies in a folder: kinds by path."""
    return {"/".join(path): entry.kind for path, entry in storage.walk(folder, ROOT)}


class FolderStorageConformance:
    """Requirements for every storage of folders."""

    @pytest.fixture
    def backend(self) -> FolderBackend:
        """Return the backend."""
        raise NotImplementedError("override the fixture 'backend'")

    @pytest.fixture
    def context(self, tmp_path: Path) -> StorageContext:
        """Return the context for opening an empty storage."""
        return storage_context(tmp_path)

    @pytest.fixture
    def storage(self, backend: FolderBackend, context: StorageContext) -> Iterator[FolderStorage]:
        """Open the storage."""
        opened = backend.open(context)
        yield opened
        opened.close()

    @pytest.fixture
    def folder(self, storage: FolderStorage) -> str:
        """Create a folder."""
        name = new_uuid()
        storage.create(name)
        return name

    # -- folders ------------------------------------------------------------------------------------------------------

    def test_it_is_a_storage(self, backend: FolderBackend, storage: FolderStorage) -> None:
        """All methods are there, and a new storage is empty and has nothing to complain of."""
        assert isinstance(backend, FolderBackend)
        assert isinstance(storage, FolderStorage)
        assert re.fullmatch(r"[a-z][a-z0-9_]{0,63}", backend.name)
        assert [*storage.folders(), *storage.uploads(), *storage.check()] == []

    def test_a_folder_is_created_once(self, storage: FolderStorage, folder: str) -> None:
        """A new folder is empty, and nothing else can have its name."""
        assert list(storage.folders()) == [folder]
        assert storage.entries(folder, ROOT) == []
        assert storage.stat(folder, ROOT).kind == "directory"
        assert storage.usage(folder) == FolderUsage(0, 0)
        with pytest.raises(FileExistsError):
            storage.create(folder)

    def test_a_removed_folder_is_gone_with_its_content(self, storage: FolderStorage, folder: str) -> None:
        """Removing tells what it was, and may be repeated."""
        add_file(storage, folder, "a/b/file", b"content")
        add_file(storage, folder, "c", b"more")
        assert storage.remove(folder) == FolderUsage(2, 11)
        assert storage.remove(folder) == FolderUsage(0, 0)
        assert list(storage.folders()) == []
        with pytest.raises(FileNotFoundError):
            storage.entries(folder, ROOT)

    def test_everything_survives_a_restart(self, backend: FolderBackend, context: StorageContext) -> None:
        """Folders, files and uploads that have begun."""
        storage, folder, upload = backend.open(context), new_uuid(), new_uuid()
        storage.create(folder)
        add_file(storage, folder, "file", b"content")
        storage.append(upload, 0, [b"half"], 8)
        storage.close()
        again = backend.open(context)
        again.clean()
        assert list(again.folders()) == [folder]
        assert read_file(again, folder, "file") == b"content"
        assert list(again.uploads()) == [upload]
        assert again.received(upload) == 4
        again.close()

    # -- files --------------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("content", [b"", b"x", bytes(range(256)) * 5000])
    def test_a_file_is_read_back(self, storage: FolderStorage, folder: str, content: bytes) -> None:
        """From its start, from the middle, and beyond its end."""
        add_file(storage, folder, "a/file", content)
        file = storage.open(folder, parse_path("a/file"))
        half = file.size // 2
        assert b"".join(file.read(0, file.size)) == content
        assert b"".join(file.read(half, file.size)) == content[half:]
        assert list(file.read(file.size, file.size + 10)) == []
        assert len(file.tag) > 0
        file.close()
        entry = storage.stat(folder, parse_path("a/file"))
        assert (entry.name, entry.kind, entry.size) == ("file", "file", len(content))

    def test_a_file_that_is_open_stays_readable(self, storage: FolderStorage, folder: str) -> None:
        """Even when another one has its name, or the folder is removed."""
        add_file(storage, folder, "file", b"first")
        file = storage.open(folder, parse_path("file"))
        add_file(storage, folder, "file", b"second")
        storage.remove(folder)
        assert b"".join(file.read(0, 5)) == b"first"
        file.close()

    def test_entries_are_in_the_order_of_their_names(self, storage: FolderStorage, folder: str) -> None:
        """Whatever the names are."""
        names = [".ssh", "b", "a b", "ü", "-rf", "*", "a\nb"]
        for name in names:
            add_file(storage, folder, name, b"1")
        assert [entry.name for entry in storage.entries(folder, ROOT)] == sorted(names)

    def test_what_is_not_there_is_not_found(self, storage: FolderStorage, folder: str) -> None:
        """No method takes it for something."""
        gone = parse_path("gone")
        for attempt in (
            lambda: storage.stat(folder, gone),
            lambda: storage.open(folder, gone),
            lambda: storage.entries(folder, gone),
            lambda: storage.delete(folder, gone, recursive=True),
            lambda: storage.rename(folder, gone, parse_path("other")),
            lambda: list(storage.walk(folder, gone)),
            lambda: storage.usage(new_uuid()),
        ):
            with pytest.raises(FileNotFoundError):
                attempt()

    def test_a_file_is_no_directory(self, storage: FolderStorage, folder: str) -> None:
        """And nothing lies in it."""
        add_file(storage, folder, "file", b"1")
        inside = parse_path("file/inside")
        for attempt in (
            lambda: storage.stat(folder, inside),
            lambda: storage.entries(folder, parse_path("file")),
            lambda: storage.make_directory(folder, inside, parents=True, exist_ok=True),
            lambda: add_file(storage, folder, "file/inside", b"2"),
        ):
            with pytest.raises(NotADirectoryError):
                attempt()
        with pytest.raises(FileExistsError):
            storage.make_directory(folder, parse_path("file"), parents=True, exist_ok=True)

    def test_a_directory_is_no_file(self, storage: FolderStorage, folder: str) -> None:
        """It can be neither read nor overwritten, and not deleted by mistake."""
        storage.make_directory(folder, parse_path("a"), parents=False, exist_ok=False)
        for attempt in (
            lambda: storage.open(folder, parse_path("a")),
            lambda: storage.open(folder, ROOT),
            lambda: storage.delete(folder, parse_path("a"), recursive=False),
            lambda: add_file(storage, folder, "a", b"1"),
        ):
            with pytest.raises(IsADirectoryError):
                attempt()

    def test_directories_are_created(self, storage: FolderStorage, folder: str) -> None:
        """With those around them or without, once or repeatedly."""
        path = parse_path("a/b/c")
        with pytest.raises(FileNotFoundError):
            storage.make_directory(folder, path, parents=False, exist_ok=False)
        storage.make_directory(folder, path, parents=True, exist_ok=False)
        storage.make_directory(folder, path, parents=True, exist_ok=True)
        with pytest.raises(FileExistsError):
            storage.make_directory(folder, path, parents=True, exist_ok=False)
        assert tree(storage, folder) == {"a": "directory", "a/b": "directory", "a/b/c": "directory"}

    def test_renaming_moves_and_never_overwrites(self, storage: FolderStorage, folder: str) -> None:
        """Files and directories alike; a directory does not get into itself."""
        add_file(storage, folder, "a/one", b"1")
        add_file(storage, folder, "b/two", b"2")
        storage.rename(folder, parse_path("a/one"), parse_path("b/one"))
        storage.rename(folder, parse_path("b"), parse_path("a/b"))
        assert tree(storage, folder) == {"a": "directory", "a/b": "directory", "a/b/one": "file", "a/b/two": "file"}
        with pytest.raises(FileExistsError):
            storage.rename(folder, parse_path("a/b/one"), parse_path("a/b/two"))
        with pytest.raises(OSError, match=r"."):
            storage.rename(folder, parse_path("a"), parse_path("a/b/a"))
        assert read_file(storage, folder, "a/b/two") == b"2"

    def test_deleting_tells_what_it_was(self, storage: FolderStorage, folder: str) -> None:
        """A file, a tree, and nothing else."""
        add_file(storage, folder, "a/b/c", b"123")
        add_file(storage, folder, "a/d", b"45")
        add_file(storage, folder, "kept", b"6")
        assert storage.delete(folder, parse_path("a/d"), recursive=False) == FolderUsage(1, 2)
        assert storage.delete(folder, parse_path("a"), recursive=True) == FolderUsage(1, 3)
        assert tree(storage, folder) == {"kept": "file"}
        assert storage.usage(folder) == FolderUsage(1, 1)

    def test_a_very_deep_tree_can_be_removed(self, storage: FolderStorage, folder: str) -> None:
        """Deeper than a program has descriptors or stack to spare for it."""
        deep = FolderPath(("d",) * 500)
        storage.make_directory(folder, deep, parents=True, exist_ok=False)
        assert len(tree(storage, folder)) == 500
        storage.remove(folder)
        assert list(storage.folders()) == []

    def test_a_copy_is_independent(self, storage: FolderStorage, folder: str) -> None:
        """It has the same content, and keeps it."""
        add_file(storage, folder, "a/b", b"123")
        storage.make_directory(folder, parse_path("empty"), parents=False, exist_ok=False)
        copy = new_uuid()
        storage.create(copy)
        assert storage.copy(folder, copy) == FolderUsage(1, 3)
        assert tree(storage, copy) == tree(storage, folder)
        storage.remove(folder)
        assert read_file(storage, copy, "a/b") == b"123"

    # -- uploads ------------------------------------------------------------------------------------------------------

    def test_an_upload_becomes_a_file_at_once(self, storage: FolderStorage, folder: str) -> None:
        """Until it is complete, nothing of it is seen; it replaces what was there."""
        add_file(storage, folder, "file", b"former")
        upload = new_uuid()
        assert storage.received(upload) == 0
        assert storage.append(upload, 0, [b"0123", b"45"], 10) == 6
        assert storage.received(upload) == 6
        assert tree(storage, folder) == {"file": "file"}
        assert storage.append(upload, 6, [b"6789"], 10) == 10
        assert read_file(storage, folder, "file") == b"former"
        assert storage.complete(upload, folder, parse_path("file"), 10) == FolderUsage(1, 6)
        assert read_file(storage, folder, "file") == b"0123456789"
        assert list(storage.uploads()) == []

    def test_an_upload_goes_on_where_it_stopped(self, storage: FolderStorage, folder: str) -> None:
        """What came before a connection broke is kept."""

        def broken() -> Iterator[bytes]:
            yield b"0123"
            raise ConnectionError("gone")

        upload = new_uuid()
        with pytest.raises(ConnectionError):
            storage.append(upload, 0, broken(), 8)
        with pytest.raises(WrongOffset) as raised:
            storage.append(upload, 0, [b"0123"], 8)
        assert raised.value.offset == storage.received(upload) == 4
        storage.append(upload, 4, [b"4567"], 8)
        storage.complete(upload, folder, parse_path("file"), 8)
        assert read_file(storage, folder, "file") == b"01234567"

    def test_an_upload_has_its_size(self, storage: FolderStorage, folder: str) -> None:
        """Not less, and not more."""
        upload = new_uuid()
        storage.append(upload, 0, [b"012"], 5)
        with pytest.raises(WrongOffset):
            storage.complete(upload, folder, parse_path("file"), 5)
        with pytest.raises(ValueError, match="5"):
            storage.append(upload, 3, [b"3456"], 5)
        assert storage.received(upload) == 5
        storage.complete(upload, folder, parse_path("file"), 5)
        assert read_file(storage, folder, "file") == b"01234"

    def test_an_empty_file_needs_no_pieces(self, storage: FolderStorage, folder: str) -> None:
        """It is complete from the start."""
        storage.complete(new_uuid(), folder, parse_path("empty"), 0)
        assert read_file(storage, folder, "empty") == b""

    def test_a_discarded_upload_is_gone(self, storage: FolderStorage) -> None:
        """Discarding may be repeated, and other uploads stay."""
        kept, gone = new_uuid(), new_uuid()
        for upload in (kept, gone):
            storage.append(upload, 0, [b"1"], 2)
        for _ in range(2):
            storage.discard(gone)
        assert list(storage.uploads()) == [kept]
        with pytest.raises(WrongOffset):
            storage.append(gone, 1, [b"2"], 2)

    def test_several_may_send_the_same(self, storage: FolderStorage, folder: str) -> None:
        """One of them gets on; nothing is written twice."""
        upload, content = new_uuid(), bytes(range(256)) * 64

        def send(_: int) -> int:
            try:
                return storage.append(upload, 0, (content[at : at + 64] for at in range(0, len(content), 64)), 1 << 14)
            except WrongOffset:
                return -1

        with ThreadPoolExecutor(8) as threads:
            results = sorted(threads.map(send, range(8)))
        assert results == [-1] * 7 + [len(content)]
        storage.complete(upload, folder, parse_path("file"), len(content))
        assert read_file(storage, folder, "file") == content

    def test_of_two_uploads_to_a_path_the_last_one_counts(self, storage: FolderStorage, folder: str) -> None:
        """As a whole."""
        contents = [bytes([number]) * 1000 for number in range(32)]
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda content: add_file(storage, folder, "file", content), contents))
        assert read_file(storage, folder, "file") in contents
        assert storage.usage(folder) == FolderUsage(1, 1000)
