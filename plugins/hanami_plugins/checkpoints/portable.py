"""The file that a checkpoint leaves a server as, and comes to another one.

======================  ==========================================================================
8 bytes                 `MAGIC`, which shows a transfer that has changed line ends or the eighth bit
4 bytes                 version of the format, little-endian like all numbers
4 bytes                 length of the header
header                  JSON, see `Header`
32 bytes                SHA-256 of all before it
body                    the stored state (`hanami_core.network.NetworkState`)
======================  ==========================================================================

The header has the size and the SHA-256 of the body, so the digest behind it stands for every byte of the file, and
names the file. Nothing in a file is ever executed, and no size in it is believed before it is proven.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import struct
from collections.abc import Callable
from functools import cache
from typing import BinaryIO, NamedTuple

import msgspec

from hanami_core.errors import InvalidFile
from hanami_core.network import StateHead, Template
from hanami_plugins.checkpoints.origin import Origin, check

__all__ = ["ENDING", "FORMAT", "MEDIA_TYPE", "Header", "Prelude", "Rules", "copy_body", "prelude_of", "read_prelude"]

MAGIC = b"\x89HNM\r\n\x1a\n"
FORMAT = 1
ENDING = ".hanami"
MEDIA_TYPE = "application/vnd.hanami.checkpoint"
MAX_HEADER = 4 << 20
"""More than the header of the biggest template."""

_START = struct.Struct("<8sII")
_DIGEST = hashlib.sha256().digest_size
_BLOCK = 1 << 20
_ROOM_FOR_NAMES = 1 << 16
"""Bytes that a lineage may have beside its trainings."""
_DISTRIBUTION = "hanami"


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The rule set of a network, and the version of its states."""

    name: str
    version: int


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a file tells of its network.

    `created_by` is the version of Hanami that made the file, `size` and `sha256` are those of the body, `lineage` is
    where the network comes from, which not every file tells. All else is what the head of the stored state says, for
    those who do not want to read that.
    """

    name: str
    created_by: str
    rules: Rules
    template: Template
    inputs: dict[str, int]
    outputs: dict[str, int]
    cycles: int
    size: int
    sha256: str
    lineage: Origin | None = None

    def describes(self, head: StateHead) -> bool:
        """Tell whether the header fits to the head of a state."""
        mine = (self.rules.name, self.template, self.inputs, self.outputs, self.cycles)
        return mine == (head.rules, head.template, head.inputs, head.outputs, head.cycles)


class Prelude(NamedTuple):
    """What stands before the body: the header, the digest that names the file, and the number of bytes of it all."""

    header: Header
    digest: bytes
    length: int


def prelude_of(
    name: str,
    head: StateHead,
    version: int,
    size: int,
    sha256: str,
    lineage: Callable[[int], Origin | None] = lambda room: None,
) -> bytes:
    """Return what stands before the body in the file of a checkpoint.

    Args:
        name: what the owner calls the checkpoint.
        head: description of the stored state.
        version: version of the states of its rule set.
        size: bytes of the stored state.
        sha256: its hash as hexadecimal text.
        lineage: returns where the network comes from, in not more bytes than there is room for.
    """
    rules = Rules(head.rules, version)
    sizes = (dict(head.inputs), dict(head.outputs), head.cycles)
    header = Header(name, f"hanami {_own_version()}", rules, head.template, *sizes, size, sha256)
    room = MAX_HEADER - len(msgspec.json.encode(header)) - _ROOM_FOR_NAMES
    text = msgspec.json.encode(msgspec.structs.replace(header, lineage=lineage(room)))
    start = _START.pack(MAGIC, FORMAT, len(text)) + text
    return start + hashlib.sha256(start).digest()


@cache
def _own_version() -> str:
    return importlib.metadata.version(_DISTRIBUTION)


def read_prelude(file: BinaryIO, size: int) -> Prelude:
    """Read what stands before the body and leave the file there.

    Args:
        file: a file that stands at its beginning.
        size: how many bytes it has.

    Raises:
        InvalidFile: if it is not a whole checkpoint file of a format that this version reads.
    """
    start = file.read(_START.size)
    if start[: len(MAGIC)] != MAGIC[: len(start)] or not start:
        raise InvalidFile("the file is not a checkpoint of Hanami: it does not begin as one")
    if len(start) < _START.size:
        raise InvalidFile(f"the checkpoint file is truncated: it ends after {size} bytes, inside its header")
    _, version, length = _START.unpack(start)
    if version != FORMAT:
        raise InvalidFile(f"the checkpoint file has the format {version}, this server reads the format {FORMAT}")
    if length > MAX_HEADER:
        raise InvalidFile(f"the checkpoint file is damaged: its header has {length} bytes, at most {MAX_HEADER} may be")
    if size < _START.size + length + _DIGEST:
        raise InvalidFile(f"the checkpoint file is truncated: it ends after {size} bytes, inside its header")
    text, digest = file.read(length), file.read(_DIGEST)
    if hashlib.sha256(start + text).digest() != digest:
        raise InvalidFile("the checkpoint file is damaged: its header is not what was written")
    prelude = Prelude(_header(text), digest, len(start) + len(text) + len(digest))
    _check_size(prelude, size)
    return prelude


def _header(text: bytes) -> Header:
    try:
        header = msgspec.json.decode(text, type=Header)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise InvalidFile(f"the header of the checkpoint file breaks a rule: {error}") from error
    if header.lineage is not None:
        check(header.lineage)
    return header


def _check_size(prelude: Prelude, size: int) -> None:
    expected = prelude.length + prelude.header.size
    if prelude.header.size < 0 or size > expected:
        raise InvalidFile(f"the checkpoint file is damaged: it has {size} bytes, its header says {expected}")
    if size < expected:
        raise InvalidFile(f"the checkpoint file is truncated: it ends after {size} of {expected} bytes")


def copy_body(source: BinaryIO, target: BinaryIO, header: Header, step: Callable[[int], bool]) -> bool:
    """Copy the body, block by block, and compare it with its hash; tell whether that was not given up.

    Args:
        source: the file, which stands where the body begins.
        target: where the stored state goes.
        header: what the file says of its body.
        step: called with the number of bytes copied so far; returns whether to go on.

    Raises:
        InvalidFile: if the body is not what was written.
    """
    digest, done = hashlib.sha256(), 0
    while block := source.read(min(_BLOCK, header.size - done)):
        digest.update(block)
        target.write(block)
        done += len(block)
        if not step(done):
            return False
    if digest.hexdigest() != header.sha256:
        raise InvalidFile("the checkpoint file is damaged: its network is not what was written")
    return True
