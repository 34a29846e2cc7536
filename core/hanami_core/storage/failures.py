"""Storage that misbehaves: what a failed read or write means to whoever waits for it.

A disk that is full or cannot be written, a database that somebody else has locked: none of that is a defect, and all
of it may be over in a moment. So it has an error of its own, which an Api has a sentence for, and work that meets it is
done again later. What an error of a driver means is known to the database (`Database.failure`).
"""

from __future__ import annotations

from hanami_core.errors import HanamiError, InsufficientStorage, ServiceError, Unavailable
from hanami_core.storage.contract import RETRY_SECONDS
from hanami_core.storage.database import bound_or_none
from hanami_core.storage.disk import FULL, UNAVAILABLE

__all__ = ["full", "in_words", "storage_failure", "unavailable"]

_DEEPEST = 8
_WORDS = {
    "storage_busy": "another process has locked the database",
    "storage_damaged": "the database is damaged, see 'hanami doctor'",
    "storage_full": "the disk is full",
    "storage_reserved": "the disk is nearly full",
    "storage_unavailable": "the storage cannot be read or written",
}


def full() -> InsufficientStorage:
    """Return the error for a disk without room."""
    return InsufficientStorage("storage_full")


def unavailable() -> Unavailable:
    """Return the error for a disk or a database that does not work."""
    return Unavailable("storage_unavailable", retry_after=RETRY_SECONDS)


def storage_failure(error: BaseException) -> ServiceError | None:
    """Return what an error, or one that it was raised from, says about the storage; None if that is nothing."""
    seen: BaseException | None = error
    for _ in range(_DEEPEST):
        found = None if seen is None else _failure(seen)
        if seen is None or found is not None:
            return found
        seen = seen.__cause__
    return None


def in_words(failure: ServiceError, error: BaseException | None = None) -> str:
    """Say what a failure is; for an operator with the file, if the error names one."""
    name = getattr(error, "filename", None)
    return _WORDS.get(failure.code, failure.code) + (f": {name}" if name else "")


def _failure(error: BaseException) -> ServiceError | None:
    if isinstance(error, ServiceError) and error.code.startswith("storage_"):
        return error
    if isinstance(error, OSError):
        return full() if error.errno in FULL else unavailable() if error.errno in UNAVAILABLE else None
    database = bound_or_none()
    if database is None or isinstance(error, HanamiError) or not isinstance(error, Exception):
        return None
    return database.failure(error)
