"""How processes of a server ended: noted by the supervisor, told to whoever takes their place.

A process that dies of its work cannot say so itself. Must not know what the processes do.
"""

from __future__ import annotations

import logging
from pathlib import Path

import msgspec

from hanami_server.paths import ends_path
from hanami_server.process_control import FAILED

__all__ = ["End", "note", "predecessor"]

log = logging.getLogger("hanami.supervisor")


class End(msgspec.Struct, frozen=True):
    """An end: the exit code, negative for a signal, and the most memory that the process has had, in bytes."""

    code: int
    memory: int = 0

    def __str__(self) -> str:
        """Return the rest of a sentence about the process."""
        if self.code < 0:
            how = f"was ended by signal {-self.code}"
        elif self.code == FAILED:
            how = "gave up because something in it hung"
        else:
            how = f"ended with exit code {self.code}"
        return f"{how} (memory {self.memory / 1e9:.1f} GB)" if self.memory else how


def note(data_dir: Path, name: str, end: End) -> None:
    """Remember how the process `name` ended."""
    path = ends_path(data_dir) / name
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.write_bytes(msgspec.json.encode(end))
    except OSError as error:  # of a full disk; nothing but the text of an error depends on it
        log.warning("the end of a process could not be noted", extra={"child": name, "reason": error.strerror})


def predecessor(data_dir: Path, name: str) -> str:
    """Return how the last process `name` ended, as the rest of a sentence; empty if nobody knows."""
    try:
        return str(msgspec.json.decode((ends_path(data_dir) / name).read_bytes(), type=End))
    except (OSError, msgspec.MsgspecError):
        return ""
