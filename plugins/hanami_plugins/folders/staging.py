"""Files that arrive piece by piece and stay out of sight until they are complete. Knows no folder.

Each piece is written under a lock, at the end of the file: if two connections send the same upload, the one whose piece
does not fit there any more stops.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from hanami_core.folders import private
from hanami_core.storage.disk import require_room
from hanami_core.storage.reserve import Reserve
from hanami_core.syncing import Unsynced, sync
from hanami_plugins.folders import descriptors
from hanami_plugins.folders.storages import WrongOffset

__all__ = ["StagedFiles"]


class StagedFiles:
    """The staged files of a storage, in a directory that nobody else uses."""

    def __init__(self, directory: Path, reserve: Reserve) -> None:
        """Use a directory, which is made when it is needed."""
        self.directory, self._reserve = directory, reserve

    def require_room(self, size: int = 1) -> None:
        """Raise `OSError` as a full disk does, unless so many bytes fit beside half of the reserve."""
        require_room(self.directory.parent, self._reserve.size // 2 + size - 1)

    def received(self, name: str) -> int:
        """Return the size of a file; 0 if there is none."""
        try:
            return (self.directory / name).stat().st_size
        except FileNotFoundError:
            return 0

    def append(self, name: str, offset: int, pieces: Iterable[bytes], size: int) -> int:
        """Append pieces and return the size; what was written is durable even if `pieces` raises."""
        with self._opened(name, create=not offset) as opened:
            unsynced = Unsynced()
            try:
                for piece in pieces:
                    fitting = piece[: size - offset]
                    offset = self._write(opened, name, offset, fitting)
                    unsynced.add(opened, len(fitting))
                    if len(fitting) < len(piece):
                        raise ValueError(f"the file has more than {size} bytes")
                with self._locked(opened, name, offset):
                    return offset
            finally:
                os.fdatasync(opened)

    @contextlib.contextmanager
    def _opened(self, name: str, *, create: bool) -> Iterator[int]:
        private(self.directory)
        flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | (os.O_CREAT if create else 0)
        try:
            opened = os.open(self.directory / name, flags, 0o600)
        except FileNotFoundError:
            raise WrongOffset(0) from None
        try:
            if create:
                sync(self.directory, self.directory.parent)
            yield opened
        finally:
            os.close(opened)

    def _write(self, opened: int, name: str, offset: int, piece: bytes) -> int:
        """Write a piece at the end of the file, if that is where it belongs, and return the new end."""
        self.require_room()
        with self._locked(opened, name, offset):
            left = memoryview(piece)
            while left:
                done = os.pwrite(opened, left, offset)
                left, offset = left[done:], offset + done
        return offset

    @contextlib.contextmanager
    def _locked(self, opened: int, name: str, size: int) -> Iterator[None]:
        """Keep others from writing to a file that is still staged and has a size.

        Raises:
            WrongOffset: if it has another one.
            FileNotFoundError: if it was completed or discarded meanwhile.
        """
        fcntl.flock(opened, fcntl.LOCK_EX)
        try:
            found = os.fstat(opened)
            if not os.path.samestat(found, (self.directory / name).stat()):
                raise FileNotFoundError(name)
            if found.st_size != size:
                raise WrongOffset(found.st_size)
            yield
        finally:
            fcntl.flock(opened, fcntl.LOCK_UN)

    def move(self, name: str, size: int, parent: int, target: str) -> None:
        """Move a file that has its full size into a directory, over what has the name there."""
        with self._opened(name, create=not size) as opened, self._locked(opened, name, size):
            os.fsync(opened)
            with descriptors.directory(self.directory) as staged:
                os.rename(name, target, src_dir_fd=staged, dst_dir_fd=parent)
                os.fsync(parent)
                os.fsync(staged)

    def discard(self, name: str) -> None:
        """Remove a file."""
        (self.directory / name).unlink(missing_ok=True)

    def uploads(self) -> Iterator[str]:
        """Iterate over the names of the files."""
        return (path.name for path in self.directory.iterdir()) if self.directory.is_dir() else iter(())
