"""Numbers of bytes as people read them."""

from __future__ import annotations

__all__ = ["size_text"]

_UNITS = ("kB", "MB", "GB", "TB")


def size_text(size: float) -> str:
    """Return a number of bytes with two digits at least: ``4.8 GB``; units are powers of a thousand."""
    if abs(size) < 1000:
        return f"{size:.0f} bytes"
    for unit in _UNITS:
        size /= 1000
        if abs(size) < 999.95 or unit == _UNITS[-1]:
            break
    return f"{size:.1f} {unit}"
