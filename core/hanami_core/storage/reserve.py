"""Room on the disk that is not given away, so that deleting always works.

What would be stored is compared with the free space minus the reserve before anything is written. The *ballast* is a
file that holds a part of the reserve in case that others fill the disk, a log for example: a database needs some room
to note a deletion, which the ballast then gives. Later deletions put it back as soon as there is room again.
"""

from __future__ import annotations

import contextlib
import logging
import os
from pathlib import Path
from shutil import disk_usage

from hanami_core.errors import InsufficientStorage
from hanami_core.settings import Settings
from hanami_core.sizes import size_text
from hanami_core.storage.disk import free_beyond

__all__ = ["AUTOMATIC", "BALLAST", "SETTING", "Reserve"]

SETTING = "storage.reserve"
AUTOMATIC = -1
"""As the setting: `MOST`, or one part in `SHARE` of a small disk."""
MOST = 256_000_000
SHARE = 20
BALLAST = "ballast"
"""Name of the file in the data directory."""
LARGEST_BALLAST = 8_000_000
PART_OF_BALLAST = 4
"""The ballast is one part in so many of the reserve."""

log = logging.getLogger("hanami.storage")


class Reserve:
    """The reserve of one server, on the disk that its data directory lies on."""

    def __init__(self, settings: Settings) -> None:
        """Keep what the settings say."""
        self._directory = settings.data_dir
        self._setting = int(settings[SETTING])
        self._ballast = settings.data_dir / BALLAST

    @property
    def size(self) -> int:
        """Bytes that are kept."""
        if self._setting != AUTOMATIC:
            return self._setting
        return min(MOST, disk_usage(self._directory).total // SHARE)

    @property
    def ballast_size(self) -> int:
        """Bytes of the ballast."""
        return min(LARGEST_BALLAST, self.size // PART_OF_BALLAST)

    def available(self, place: Path | None = None) -> int:
        """Return how many bytes may be stored, on the disk of the data directory or of another place."""
        return free_beyond(place or self._directory, self.size)

    def require(self, size: int, *, promised: int = 0, urgent: bool = False) -> None:
        """Raise unless so many bytes fit beside the reserve.

        Args:
            size: bytes that are about to be stored.
            promised: bytes that others were promised and have not written yet.
            urgent: it is the outcome of work that took long; half of the reserve may be used for it.

        Raises:
            InsufficientStorage: if they do not fit.
        """
        kept = self.size // 2 if urgent else self.size
        free = disk_usage(self._directory).free
        if size > free - promised - kept:
            left = size_text(max(0, free - promised - kept))
            raise InsufficientStorage("storage_reserved", needed=size_text(size), left=left, reserve=size_text(kept))

    def lay_ballast(self) -> None:
        """Make the ballast, before a server starts."""
        self._ballast.touch(0o600)
        self.restore()

    def restore(self) -> None:
        """Put the ballast back that gave way, if there is room for it again."""
        with contextlib.suppress(OSError):
            size = self.ballast_size
            if self._ballast.stat().st_size < size and disk_usage(self._directory).free >= self.size:
                with self._ballast.open("r+b") as file:
                    os.posix_fallocate(file.fileno(), 0, size)

    def give_way(self) -> None:
        """Empty the ballast if the disk is nearly full: what is about to be deleted takes some room first."""
        with contextlib.suppress(OSError):
            full = disk_usage(self._directory).free < self.ballast_size
            if full and self._ballast.stat().st_size:
                os.truncate(self._ballast, 0)
                log.warning("the disk is full, the ballast gives way", extra={"bytes": self.ballast_size})
