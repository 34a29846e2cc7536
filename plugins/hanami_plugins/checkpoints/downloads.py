"""From a stored checkpoint to its portable file, without a copy of it: a header of today before the stored state."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import BinaryIO, Self

from hanami_core.access import Access
from hanami_core.compute.states import FIRST, version_of
from hanami_core.errors import Conflict, CorruptFile
from hanami_core.network import NetworkState
from hanami_core.runtime import Runtime
from hanami_core.storage.blobs import Blob, BlobLease
from hanami_plugins.checkpoints.models import Checkpoint
from hanami_plugins.checkpoints.origin import origin_of
from hanami_plugins.checkpoints.portable import prelude_of
from hanami_plugins.checkpoints.service import get_checkpoint

__all__ = ["PortableFile", "lent", "open_file", "pieces"]

PIECE = 1 << 18

log = logging.getLogger("hanami.checkpoints")


@dataclass(frozen=True)
class PortableFile:
    """A checkpoint as a file; a context manager that closes it.

    Attributes:
        name: what its owner calls it.
        length: size in bytes.
        tag: name of its content.
    """

    name: str
    length: int
    tag: str
    _prelude: bytes
    _lease: BlobLease

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        """Return a half-open range of the bytes, piece by piece."""
        if start < len(self._prelude):
            yield self._prelude[start:stop]
        with self._lease.path.open("rb") as file:
            yield from pieces(file, max(0, start - len(self._prelude)), stop - len(self._prelude))

    def close(self) -> None:
        """Let the stored state go."""
        self._lease.release()

    def __enter__(self) -> Self:
        """Return the file."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Close it."""
        self.close()


def pieces(file: BinaryIO, start: int, stop: int) -> Iterator[bytes]:
    """Return a half-open range of the bytes of a file."""
    file.seek(start)
    while start < stop and (piece := file.read(min(PIECE, stop - start))):
        yield piece
        start += len(piece)


def open_file(runtime: Runtime, access: Access, uuid: str) -> PortableFile:
    """Return a checkpoint as a file.

    Raises:
        NotFound: if there is no such checkpoint that the actor may see.
        Conflict: if its state is not what was stored.
    """
    checkpoint = get_checkpoint(access, uuid)
    lease = lent(runtime, checkpoint)
    try:
        blob = Blob.get(Blob.uuid == checkpoint.blob)
        with lease.path.open("rb") as file:
            head = NetworkState.read_head(file)
        known = [version_of(rules) for (name, _), rules in runtime.rules.items() if name == head.rules]
        lineage = partial(origin_of, checkpoint)
        prelude = prelude_of(checkpoint.name, head, max(known, default=FIRST), blob.size, blob.sha256, lineage)
    except BaseException:
        lease.release()
        raise
    return PortableFile(checkpoint.name, len(prelude) + blob.size, prelude[-32:].hex(), prelude, lease)


def lent(runtime: Runtime, checkpoint: Checkpoint) -> BlobLease:
    """Return a lease of the stored state of a checkpoint.

    Raises:
        Conflict: if it is not what was stored.
    """
    try:
        return runtime.blobs.open(checkpoint.blob)
    except CorruptFile as error:
        log.error("checkpoint damaged", extra={"checkpoint": checkpoint.uuid, "reason": str(error)})
        raise Conflict("checkpoint_damaged", uuid=checkpoint.uuid) from error
