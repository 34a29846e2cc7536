"""Where files go that nobody knows: a folder of the data directory, by date. Nothing in it is ever removed."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from pathlib import Path

from hanami_core.clock import Clock
from hanami_core.folders import private

__all__ = ["LOST", "LostAndFound"]

LOST = "lost+found"


class LostAndFound:
    """Keeps files that are in the way elsewhere, so that whoever misses them finds them."""

    def __init__(self, data_dir: Path, clock: Clock) -> None:
        """Use a data directory; the folder is made when it is needed."""
        self._data_dir = data_dir
        self._clock = clock

    def keep(self, file: Path, name: str = "") -> str:
        """Keep what a file holds under its own place in the data directory, or under a name; it also stays where it is.

        Returns:
            The place of what is kept, below the data directory.

        Raises:
            OSError: if there is no room, for example.
        """
        inside = file.relative_to(self._data_dir) if file.is_relative_to(self._data_dir) else Path(file.name)
        day = time.strftime("%Y-%m-%d", time.gmtime(self._clock.now()))
        target = self._data_dir / LOST / day / (name or inside)
        private(target.parent)
        number, first = 0, target
        while target.exists():
            number += 1
            target = first.with_name(f"{first.name}.{number}")
        try:
            os.link(file, target)
        except OSError:  # another file system, or one without links
            _copy(file, target)
        return str(target.relative_to(self._data_dir))

    def move(self, file: Path) -> str:
        """Do the same, and take the file away from where it is."""
        place = self.keep(file)
        file.unlink(missing_ok=True)
        return place


def _copy(file: Path, target: Path) -> None:
    try:
        shutil.copyfile(file, target)
    except BaseException:
        with contextlib.suppress(OSError):
            target.unlink()
        raise
