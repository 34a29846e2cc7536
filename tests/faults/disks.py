"""A disk that forgets what was not synced when the power is cut; see ``recorder.c``."""

from __future__ import annotations

import shutil
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path

from tests.faults.shims import loaded

__all__ = ["Disk"]

SYNC_ALL = """
import os, sys
for folder, _, names in os.walk(sys.argv[1]):
    for path in (folder, *(os.path.join(folder, name) for name in names)):
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
"""


class Disk:
    """A data directory, and what a power cut would leave of it."""

    def __init__(self, library: Path, folder: Path) -> None:
        """Use an empty folder, and the library that is made of ``recorder.c``."""
        self.data_dir, self._shadow = folder / "data", folder / "shadow"
        self._shadow.mkdir(parents=True)
        self._library = library

    def recorded(self) -> AbstractContextManager[None]:
        """Let processes that are started meanwhile use this disk."""
        return loaded(self._library, {"RECORDER_FOLDER": str(self.data_dir), "RECORDER_SHADOW": str(self._shadow)})

    def run(self, program: str) -> None:
        """Run a program in Python that gets the data directory as its argument."""
        with self.recorded():
            subprocess.run([sys.executable, "-c", program, str(self.data_dir)], check=True)

    def after_a_cut(self, folder: Path) -> Disk:
        """Return another disk in an empty folder, with what this one has kept; all of that is synced there."""
        other = Disk(self._library, folder)
        self._restore(self._shadow / "root", other.data_dir)
        other.run(SYNC_ALL)
        return other

    def _restore(self, names: Path, folder: Path) -> None:
        """Build a directory with the names that it had when it was synced."""
        folder.mkdir(mode=0o700)
        for line in names.read_text().splitlines() if names.exists() else ():
            kind, key, name = line.split("\t")
            kept, target = self._shadow / key, folder / name
            if kind == "d":
                self._restore(kept, target)
                continue
            target.touch(mode=0o600)
            if kept.exists():
                shutil.copyfile(kept, target)
