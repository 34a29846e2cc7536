"""What the file of a checkpoint tells without its server: which one it is, and whether all of it has arrived.

A file has 8 bytes that all begin with, its format and the length of its header (4 bytes each, little-endian), the
header (JSON), the SHA-256 of all that, and the stored network, whose size and SHA-256 stand in the header.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import IO, NamedTuple

from hanami_sdk.hanami_exceptions import HanamiException

_MAGIC = b"\x89HNM\r\n\x1a\n"
_FORMAT = 1
_LONGEST_HEADER = 4 << 20
_BLOCK = 1 << 20


class _Header(NamedTuple):
    digest: bytes
    size: int
    sha256: str


def tag_of(path: Path) -> str:
    """Return the tag by which the server knows the file that this is a part of; nothing if it is too short for that."""
    with path.open("rb") as file:
        header = _header(file)
    return "" if header is None else f'"{header.digest.hex()}"'


def check(path: Path) -> None:
    """Compare a file with its hashes.

    Raises:
        HanamiException: it is not whole, or not what the server sent.
    """
    with path.open("rb") as file:
        header = _header(file)
        if header is None:
            raise HanamiException("what has arrived is not a checkpoint file of this release")
        start = file.tell()
        digest = hashlib.sha256()
        while block := file.read(_BLOCK):
            digest.update(block)
        if file.seek(0, os.SEEK_END) != start + header.size or digest.hexdigest() != header.sha256:
            raise HanamiException("the checkpoint file was damaged on its way")


def _header(file: IO[bytes]) -> _Header | None:
    """Return what the header says, and leave the file behind it; None if it is not there as it was written."""
    start = file.read(len(_MAGIC) + 8)
    numbers = start[len(_MAGIC) :]
    known, length = int.from_bytes(numbers[:4], "little"), int.from_bytes(numbers[4:], "little")
    if not start.startswith(_MAGIC) or known != _FORMAT or length > _LONGEST_HEADER:
        return None
    text, digest = file.read(length), file.read(hashlib.sha256().digest_size)
    if hashlib.sha256(start + text).digest() != digest:
        return None
    header = json.loads(text)
    return _Header(digest, int(header["size"]), str(header["sha256"]))
