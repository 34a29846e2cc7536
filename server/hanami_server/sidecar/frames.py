"""The length of websocket frames, read from their first bytes.

Needed where bytes must be fed to the protocol frame by frame because the ones behind may have to travel on. Must not
interpret a frame otherwise.
"""

from __future__ import annotations

__all__ = ["LONGEST_HEADER", "frame_length"]

LONGEST_HEADER = 14
_MASK_BYTES = 4


def frame_length(data: bytes | bytearray) -> int | None:
    """Return the length of the frame that `data` begins with, header included, or None if the header is incomplete."""
    if len(data) < 2:
        return None
    size, header = data[1] & 0x7F, 2
    if size >= 126:
        header += 2 if size == 126 else 8
        if len(data) < header:
            return None
        size = int.from_bytes(data[2:header], "big")
    return header + (_MASK_BYTES if data[1] & 0x80 else 0) + size
