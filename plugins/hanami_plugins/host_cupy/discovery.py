"""How many GPUs there seem to be, found out without CUDA, as every process asks. Only `Device.open` tells for sure."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["absence", "count"]

NODES, LISTED = Path("/dev"), Path("/proc/driver/nvidia/gpus")

_NODE = re.compile(r"nvidia\d+")


def count(visible: str | None) -> int:
    """Return how many GPUs CUDA is likely to show.

    Args:
        visible: a list of the devices that CUDA is to show, separated by commas; None for all.
    """
    found = max(_names(NODES, _NODE), _names(LISTED, re.compile(".+")))
    if visible is None:
        return found
    # CUDA stops at the first that is none.
    chosen = [name.strip() for name in visible.split(",")]
    usable = next((place for place, name in enumerate(chosen) if name in ("", "-1")), len(chosen))
    return min(found, usable)


def absence(visible: str | None) -> str:
    """Return why `count` is 0."""
    if count(None):
        return f"CUDA_VISIBLE_DEVICES is '{visible}' and hides every GPU"
    return f"no GPU was found: neither {NODES}/nvidia0 nor {LISTED} is there"


def _names(folder: Path, pattern: re.Pattern[str]) -> int:
    try:
        return sum(pattern.fullmatch(path.name) is not None for path in folder.iterdir())
    except OSError:
        return 0
