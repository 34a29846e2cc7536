"""How a size is written on a command line: a number of bytes, or one with a unit, such as 20GB.

Must not know what has the size.
"""

from __future__ import annotations

import re

__all__ = ["size_of"]

UNITS = {"": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


def size_of(text: str) -> int | None:
    """Return the number that a text stands for, None if it is not a size."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?([kMGT]B)?", text)
    amount = None if found is None else float(found[1]) * UNITS[found[2] or ""]
    return None if amount is None or amount % 1 else int(amount)
