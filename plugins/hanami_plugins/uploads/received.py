"""Files that arrive in pieces, and the journal of what has arrived. It knows neither rows nor messages.

Beside the data of an upload lies its journal. It gets a record for each piece, after the piece was written and before
it is acknowledged, so that nothing acknowledged is lost when the process is killed. A power cut is different: it may
take the data and leave the journal. Therefore a record counts only during the boot of the machine that it names, until
the data was synced to the disk; then records follow that count for ever.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import struct
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from hanami_core.storage.disk import require_room
from hanami_core.syncing import Unsynced, remove, sync

MAX_RECORDS = 1 << 20
"""Most records in a journal. Pieces that follow each other share one, so only a scattered upload comes near it."""

_RECORD = struct.Struct("<qqqq")  # start, end, boot, unused: no record crosses a page, so each is written as a whole
_END = struct.Struct("<q")
_FOR_EVER = 0
_BLOCK = 512  # bytes of what `stat` counts, whatever the file system

Pieces = npt.NDArray[np.int64]

log = logging.getLogger("hanami.uploads")


class UploadFiles:
    """Where one upload lies: its data, which is a sparse file of the full size, and its journal."""

    def __init__(self, folder: Path, uuid: str, size: int, boot: str) -> None:
        """Name the files; nothing is created."""
        self.data, self.journal = folder / uuid, folder / f"{uuid}.journal"
        self.size = size
        self.boot = 1 + int.from_bytes(hashlib.blake2b(boot.encode(), digest_size=7).digest())

    def received(self) -> Pieces:
        """Return the ranges that have arrived, shape (ranges, 2): disjoint, sorted, half-open."""
        try:
            content = self.journal.read_bytes() if self.data.exists() else b""
        except FileNotFoundError:
            content = b""
        records = np.frombuffer(content[: len(content) // _RECORD.size * _RECORD.size], "<i8").reshape(-1, 4)
        return _merged(records[np.isin(records[:, 2], (self.boot, _FOR_EVER)), :2])

    def missing(self) -> int:
        """Return the number of bytes that have not arrived."""
        return self.size - int(np.diff(self.received()).sum())

    def leading(self) -> int:
        """Return the number of bytes that have arrived from the start of the file on, up to the first gap."""
        pieces = self.received()
        return int(pieces[0, 1]) if len(pieces) and not pieces[0, 0] else 0

    def unwritten(self) -> int:
        """Return the number of bytes that take no room on the disk yet."""
        try:
            return max(0, self.size - self.data.stat().st_blocks * _BLOCK)
        except FileNotFoundError:
            return self.size

    def touched(self) -> float:
        """Return when the last piece arrived, in seconds since 1970; 0 if none has."""
        try:
            return self.journal.stat().st_mtime
        except FileNotFoundError:
            return 0.0

    def remove(self) -> None:
        """Remove the files; a receiver that still has them open refuses all further pieces."""
        self.journal.unlink(missing_ok=True)
        remove(self.data, missing_ok=True)


def _merged(pieces: Pieces) -> Pieces:
    if not len(pieces):
        return pieces
    pieces = pieces[np.argsort(pieces[:, 0])]
    reach = np.maximum.accumulate(pieces[:, 1])
    first = np.flatnonzero(np.append(True, pieces[1:, 0] > reach[:-1]))
    return np.stack((pieces[first, 0], reach[np.append(first[1:], len(pieces)) - 1]), axis=1)


class Receiver:
    """Writes the pieces of one upload. Several may write to the same upload, from several processes."""

    def __init__(self, place: UploadFiles, reserve: int = 0) -> None:
        """Open the files and create missing ones; so many bytes of the disk stay free."""
        self._place, self._reserve = place, reserve
        place.data.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._data = os.open(place.data, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.ftruncate(self._data, place.size)
        # Two descriptors, because Linux ignores the position of a write to a file that was opened for appending.
        self._append = os.open(place.journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._journal = os.open(place.journal, os.O_RDWR | os.O_CLOEXEC)
        self._unsynced, self._damaged = Unsynced(), False
        self._record = -1
        self._end = -1

    def write(self, position: int, data: bytes) -> None:
        """Write a piece and note it; when this returns it survives the end of the process.

        Raises:
            ValueError: if the piece does not lie inside of the file.
            OSError: if it cannot be written, or the upload does not exist any more.
        """
        end = position + len(data)
        if end > self._place.size:
            raise ValueError(f"{end} is behind the end of the file")
        journal = os.fstat(self._journal)
        if not journal.st_nlink:
            raise FileNotFoundError("the upload was removed")
        if position != self._end and journal.st_size >= MAX_RECORDS * _RECORD.size:
            raise OSError("the upload is too scattered")
        require_room(self._place.data.parent, self._reserve)
        if self._damaged:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        _write(self._data, data, position)
        try:
            self._unsynced.add(self._data, len(data))
        except OSError:
            # The system tells of lost data only once, and what was noted since the last sync must not count for ever.
            self._damaged = True
            raise
        self._note(position, end)

    def _note(self, position: int, end: int) -> None:
        """Extend this receiver's last record or add one."""
        if position == self._end:
            os.pwrite(self._journal, _END.pack(end), self._record + _END.size)
        else:
            os.write(self._append, _RECORD.pack(position, end, self._place.boot, 0))
            self._record = os.lseek(self._append, 0, os.SEEK_CUR) - _RECORD.size
        self._end = end

    def close(self) -> None:
        """Sync what was written and release the files."""
        try:
            if self._record >= 0 and not self._damaged and os.fstat(self._journal).st_nlink:
                self._settle()
        except OSError:
            log.exception("upload not synced", extra={"upload": self._place.data.name})
        finally:
            for descriptor in (self._data, self._append, self._journal):
                os.close(descriptor)

    def __enter__(self) -> Self:
        """Return the receiver."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Close it."""
        self.close()

    def _settle(self) -> None:
        """Make what has arrived so far count for ever."""
        pieces = self._place.received()
        os.fdatasync(self._data)
        if os.fstat(self._journal).st_size // _RECORD.size + len(pieces) <= MAX_RECORDS:
            os.write(self._append, b"".join(_RECORD.pack(start, end, _FOR_EVER, 0) for start, end in pieces.tolist()))
        os.fsync(self._journal)
        folder = self._place.data.parent
        sync(folder, folder.parent)


def _write(descriptor: int, data: bytes, position: int) -> None:
    left = memoryview(data)
    while left:
        done = os.pwrite(descriptor, left, position)
        left, position = left[done:], position + done
