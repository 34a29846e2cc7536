"""How much memory the machine has, or the container that this process runs in."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

__all__ = ["Memory", "memory"]


class Memory(NamedTuple):
    """Bytes of memory, all and those that can still be had."""

    total: int
    free: int


def memory(root: Path = Path("/")) -> Memory:
    """Return the memory of the machine, or the limit of the control group that is narrower; 0 is unknown."""
    known = _meminfo(root / "proc/meminfo")
    machine = Memory(known.get("MemTotal", 0), known.get("MemAvailable", 0))
    group = root / "sys/fs/cgroup"
    limit, used = _bytes(group / "memory.max"), _bytes(group / "memory.current")
    if limit is None or limit >= machine.total > 0:
        return machine
    free = max(0, limit - (used or 0))
    return Memory(limit, min(free, machine.free) if machine.free else free)


def _meminfo(file: Path) -> dict[str, int]:
    try:
        lines = [line.split() for line in file.read_text(encoding="ascii").splitlines()]
    except OSError:
        return {}
    return {words[0].rstrip(":"): int(words[1]) * 1024 for words in lines if words[-1] == "kB"}


def _bytes(file: Path) -> int | None:
    """Return the number in a file of a control group, None if it has no limit or there is no such file."""
    try:
        return int(file.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
