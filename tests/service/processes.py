"""The processes of a running server, as the system sees them."""

from __future__ import annotations

import contextlib
from pathlib import Path

__all__ = ["command_line", "family", "own_memory", "title"]


def family(pid: int) -> list[int]:
    """Return a process and all that descend from it."""
    found = [pid]
    for parent in found:
        with contextlib.suppress(OSError):  # one that has just ended
            for children in Path(f"/proc/{parent}/task").glob("*/children"):
                found += [int(child) for child in children.read_text().split()]
    return found


def command_line(pid: int) -> bytes:
    """Return with what a process was started."""
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def own_memory(pid: int) -> int:
    """Return the bytes of a process, without the pages of files, which the system takes back whenever it needs them."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("RssAnon:")).split()[1]) << 10


def title(pid: int) -> str:
    """Return what a process is called, without its options; nothing if it has ended."""
    try:
        words = command_line(pid).decode(errors="replace").replace("\0", " ").partition(" --")[0].split()
    except OSError:
        return ""
    # What an interpreter runs is the last word.
    return words[-1] if words and Path(words[0]).name.startswith("python") else " ".join(words)
