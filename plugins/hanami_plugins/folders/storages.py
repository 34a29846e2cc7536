"""What a storage of folders must be able to do, and how a plugin brings one. Knows no storage, no row and no user.

A plugin returns backends from the hook ``folders_storages``; the setting ``folders.storage`` names the one that new
folders go to if their creators name none. Each folder remembers the storage that it lies in. A storage belongs to one
server: what it holds and the server does not know is removed when the server starts.

What lies in a folder may be hostile: others than this server may write there, and change it at any moment. So a storage
never follows a symbolic link, wherever in a path it stands, and never opens a device, a socket or a pipe.

`hanami_plugins.folders.testing` has a suite that examines a storage for all that stands here.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, NamedTuple, Protocol, runtime_checkable

from hanami_core.errors import HanamiError, StartupError, Unavailable
from hanami_core.storage.contract import StorageContext
from hanami_plugins.folders.paths import FolderPath

__all__ = [
    "EntryKind",
    "FolderBackend",
    "FolderEntry",
    "FolderFile",
    "FolderStorage",
    "FolderStorages",
    "FolderUsage",
    "NotAFile",
    "WrongOffset",
]

EntryKind = Literal["file", "directory", "link", "other"]


class NotAFile(OSError):
    """A path leads to a symbolic link, or to something special such as a device."""


class WrongOffset(Exception):
    """A piece of an upload does not follow what has arrived: that are `offset` bytes."""

    def __init__(self, offset: int) -> None:
        """Remember how many bytes have arrived."""
        super().__init__(f"the upload continues at byte {offset}")
        self.offset = offset


class FolderEntry(NamedTuple):
    """What lies at a path.

    Attributes:
        name: its name; bytes that are not UTF-8 are written as lone surrogates, like those of `os.fsdecode`.
        kind: what it is; a `link` is a symbolic one, `other` is a device, a socket or a pipe.
        size: bytes of a file, 0 for anything else.
        mode: permissions of its owner, group and others, such as 0o600.
        created: when it was created or its permissions changed last, in seconds since 1970.
        modified: when its content changed last, in seconds since 1970.
    """

    name: str
    kind: EntryKind
    size: int
    mode: int
    created: float
    modified: float


class FolderUsage(NamedTuple):
    """How many files there are, and their bytes."""

    files: int = 0
    size: int = 0

    def plus(self, files: int, size: int) -> FolderUsage:
        """Return the sum of both."""
        return FolderUsage(self.files + files, self.size + size)


class FolderFile(Protocol):
    """A file of a folder that is open for reading. It stays readable when its name goes."""

    @property
    def size(self) -> int:
        """Bytes that it had when it was opened."""

    @property
    def tag(self) -> str:
        """Name of its content: files with the same tag have the same content."""

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        """Return a half-open range of its bytes, piece by piece; fewer if it became shorter."""

    def close(self) -> None:
        """Release it; calling it again is fine."""


@runtime_checkable
class FolderStorage(Protocol):
    """A storage. The server creates the names of folders and uploads. Any thread may call any method.

    A path without names is the folder itself. What a method has changed survives a power cut when it returns. Methods
    raise `FileNotFoundError` if there is no such folder or path, `NotADirectoryError` if something in the middle of a
    path is no directory, and any other `OSError` if the storage does not work.
    """

    def create(self, folder: str) -> None:
        """Create an empty folder.

        Raises:
            FileExistsError: if there is one of that name.
        """

    def remove(self, folder: str) -> FolderUsage:
        """Remove a folder with everything in it, and return what that was; a missing one is fine.

        The folder is gone at once, even if the process is killed while its content is being removed.
        """

    def folders(self) -> Iterator[str]:
        """Iterate over the names of all folders."""

    def entries(self, folder: str, path: FolderPath) -> list[FolderEntry]:
        """Return what lies in a directory, by name."""

    def stat(self, folder: str, path: FolderPath) -> FolderEntry:
        """Return what lies at a path."""

    def make_directory(self, folder: str, path: FolderPath, *, parents: bool, exist_ok: bool) -> None:
        """Create a directory, for its owner only; with `parents`, those around it as well.

        Raises:
            FileExistsError: if something has that path; with `exist_ok`, only if it is no directory.
        """

    def rename(self, folder: str, source: FolderPath, target: FolderPath) -> None:
        """Give something another path in its folder.

        Raises:
            FileExistsError: if something has that path.
            OSError: with the number EINVAL, if a directory would move into itself.
        """

    def delete(self, folder: str, path: FolderPath, *, recursive: bool) -> FolderUsage:
        """Remove something that is not the folder itself, and return what that was.

        It is gone at once, even if the process is killed meanwhile.

        Raises:
            IsADirectoryError: if it is a directory, unless `recursive`.
        """

    def open(self, folder: str, path: FolderPath) -> FolderFile:
        """Open a file for reading.

        Raises:
            IsADirectoryError: if it is a directory.
            NotAFile: if it is anything else that is no file.
        """

    def walk(self, folder: str, path: FolderPath) -> Iterator[tuple[FolderPath, FolderEntry]]:
        """Iterate over everything below a directory with its path in the folder, directories before their content.

        What is removed meanwhile may be left out; so may be what lies deeper than a path can be long.
        """

    def usage(self, folder: str) -> FolderUsage:
        """Return how many files a folder holds, and their bytes."""

    def copy(self, source: str, target: str) -> FolderUsage:
        """Copy everything in a folder to an empty one, except for what is neither file, directory nor link."""

    def received(self, upload: str) -> int:
        """Return how many bytes of an upload have arrived; 0 if none, or if there is no such upload."""

    def append(self, upload: str, offset: int, pieces: Iterable[bytes], size: int) -> int:
        """Add pieces to an upload, which begins with the first one, and return how many bytes have arrived.

        If `pieces` raises, what came before has arrived. If several callers append at the same time, only one of them
        gets on.

        Args:
            upload: which one.
            offset: how many bytes have arrived.
            pieces: what follows them.
            size: bytes of the whole file.

        Raises:
            WrongOffset: if it is another number of bytes, also if that happens meanwhile.
            ValueError: if there are more bytes than `size`; those that fit have arrived.
        """

    def complete(self, upload: str, folder: str, path: FolderPath, size: int) -> FolderUsage:
        """Make an upload the file at a path, at once, and return what it has replaced there.

        Missing directories are created. An upload of no bytes need not have begun.

        Raises:
            WrongOffset: if other than `size` bytes have arrived.
            IsADirectoryError: if a directory lies there.
        """

    def discard(self, upload: str) -> None:
        """Remove what has arrived of an upload; a missing one is fine."""

    def uploads(self) -> Iterator[str]:
        """Iterate over all uploads of which something has arrived."""

    def clean(self) -> None:
        """Remove what killed processes have left; called while no other process works."""

    def available(self) -> int | None:
        """Return how many bytes may still be stored, or None if that is unknown."""

    def check(self) -> Iterable[str]:
        """Return the problems of the storage itself, one line each."""

    def close(self) -> None:
        """Release everything; nothing is called afterwards."""


@runtime_checkable
class FolderBackend(Protocol):
    """A kind of storage that can be selected by name."""

    @property
    def name(self) -> str:
        """Its name in the setting ``folders.storage`` and in the rows of its folders. It must never change."""

    @property
    def capabilities(self) -> tuple[str, ...]:
        """What it can do beyond this contract, in words for clients; mostly nothing."""

    def open(self, context: StorageContext) -> FolderStorage:
        """Return the storage that the settings describe."""


class FolderStorages:
    """The storages of a process by name. Each is opened when it is needed first."""

    def __init__(self, backends: Mapping[str, FolderBackend], context: StorageContext) -> None:
        """Use some backends; nothing is opened."""
        self._backends = dict(backends)
        self._context = context
        self._opened: dict[str, FolderStorage] = {}
        self._lock = threading.Lock()

    @property
    def backends(self) -> Mapping[str, FolderBackend]:
        """The backends by name, in the order of their names."""
        return dict(sorted(self._backends.items()))

    def __getitem__(self, name: str) -> FolderStorage:
        """Return a storage.

        Raises:
            Unavailable: if no plugin brings one of that name, or it cannot be opened.
        """
        with self._lock:
            if name not in self._opened:
                if name not in self._backends:
                    raise Unavailable("folder_storage_missing", storage=name)
                self._opened[name] = _open(self._backends[name], self._context)
            return self._opened[name]

    def close(self) -> None:
        """Close all storages that were opened."""
        with self._lock:
            opened, self._opened, self._backends = self._opened, {}, {}
        for storage in opened.values():
            storage.close()


def _open(backend: FolderBackend, context: StorageContext) -> FolderStorage:
    try:
        storage = backend.open(context)
    except HanamiError:
        raise
    except (Exception, SystemExit) as error:
        raise StartupError(f"storage of folders '{backend.name}': {type(error).__name__}: {error}") from error
    if not isinstance(storage, FolderStorage):
        raise StartupError(f"storage of folders '{backend.name}': the backend returned {type(storage).__name__}")
    return storage
