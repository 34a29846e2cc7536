"""How a process that only looks opens the file: so that nothing changes, no lock file appears, and no commit is missed.

A database with a write-ahead log lies in up to three files, and reading it in the ordinary way creates or changes two
of them. What can be read without that depends on what is there:

==================================== ===================================================================================
log and its index (``-wal, -shm``)   somebody uses the database or was killed: the index is only read; where nobody
                                     keeps it up to date, SQLite makes one of its own in memory
no log                               it was closed in order: the file alone is whole, and nobody writes it
log without its index                files that were copied: SQLite must make the index, so it gets a copy to do it in
==================================== ===================================================================================
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from pathlib import Path

import peewee

from hanami_core.errors import StartupError

__all__ = ["ReadOnlySqlite"]


class ReadOnlySqlite(peewee.SqliteDatabase):
    """A SQLite database that is only looked at."""

    def __init__(self, file: Path, timeout: float) -> None:
        """Choose a way to read a file.

        Raises:
            StartupError: if there is none.
        """
        if not file.is_file():
            raise StartupError(f"there is no database {file}, run 'hanami init' first")
        if _is_copied(file):
            folder = Path(tempfile.mkdtemp(prefix="hanami-"))
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
            for part in (file, _log(file)):
                shutil.copyfile(part, folder / part.name)
            file = folder / file.name
        super().__init__(f"{file.absolute().as_uri()}?{_way(file)}", uri=True, timeout=timeout)


def _log(file: Path) -> Path:
    return file.with_name(f"{file.name}-wal")


def _index(file: Path) -> Path:
    return file.with_name(f"{file.name}-shm")


def _has_log(file: Path) -> bool:
    return _log(file).exists() and _log(file).stat().st_size > 0


def _is_copied(file: Path) -> bool:
    return _has_log(file) and not _index(file).exists()


def _way(file: Path) -> str:
    if _log(file).exists() and _index(file).exists():
        return "mode=ro&readonly_shm=1"
    return "mode=ro" if _has_log(file) else "mode=ro&immutable=1"
