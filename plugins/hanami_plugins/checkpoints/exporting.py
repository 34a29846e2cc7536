"""From a stored checkpoint to a file that other programs run, in a format that a plugin brings."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from hanami_core.access import Access
from hanami_core.compute import memory
from hanami_core.compute.states import check_state, formula_of
from hanami_core.errors import Unavailable, Unprocessable
from hanami_core.exports import NetworkExport, chosen
from hanami_core.network import NetworkState
from hanami_core.network.formula import Formula
from hanami_core.runtime import Runtime
from hanami_core.sizes import size_text
from hanami_core.stash import StashKey
from hanami_plugins.checkpoints.downloads import lent, pieces
from hanami_plugins.checkpoints.models import Checkpoint
from hanami_plugins.checkpoints.service import get_checkpoint

__all__ = ["EXPORTING", "ExportedFile", "export"]

COPIES = 4
"""How many times a network, and then its formula, lies in memory while it is exported, at most."""
PATIENCE = 10.0
"""Seconds to wait for the end of another export."""

EXPORTING: StashKey[threading.Lock] = StashKey("checkpoints.exporting")
"""Held while a network is exported: of several at once, each would take memory."""


@dataclass(frozen=True)
class ExportedFile:
    """An exported network; it must be closed.

    Attributes:
        name: what its owner calls the checkpoint.
        length: size in bytes.
        tag: name of its content.
        kind: how it was made.
    """

    name: str
    length: int
    tag: str
    kind: NetworkExport
    _path: Path
    _stack: ExitStack

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        """Return a half-open range of the bytes, piece by piece."""
        with self._path.open("rb") as file:
            yield from pieces(file, start, stop)

    def close(self) -> None:
        """Remove the file."""
        self._stack.close()


def export(runtime: Runtime, access: Access, uuid: str, format_name: str) -> ExportedFile:
    """Return the network of a checkpoint in a format.

    Raises:
        BadRequest: if no plugin brings the format.
        NotFound: if there is no such checkpoint that the actor may see.
        Unprocessable: if the format cannot hold the network, or the network takes too much memory.
        Unavailable: if others are exporting for too long.
        Conflict: if the checkpoint's state is not what was stored.
    """
    checkpoint = get_checkpoint(access, uuid)
    kind = chosen(runtime.exports, NetworkExport, format_name)
    with _alone(runtime):
        formula = _formula(runtime, checkpoint)
        with ExitStack() as stack:
            path = stack.enter_context(runtime.blobs.staging())
            digest, length = hashlib.sha256(), 0
            with path.open("wb") as file:
                for part in kind.parts(formula):
                    file.write(part)
                    digest.update(part)
                    length += len(part)
            return ExportedFile(checkpoint.name, length, digest.hexdigest(), kind, path, stack.pop_all())


@contextmanager
def _alone(runtime: Runtime) -> Iterator[None]:
    lock = runtime.stash[EXPORTING]
    if not lock.acquire(timeout=PATIENCE):
        raise Unavailable("exports_exhausted", retry_after=int(PATIENCE))
    try:
        yield
    finally:
        lock.release()


def _formula(runtime: Runtime, checkpoint: Checkpoint) -> Formula:
    with lent(runtime, checkpoint) as path, path.open("rb") as file:
        size = path.stat().st_size
        _fits(runtime, size)
        runtime.reserve.require(size)
        state = NetworkState.read(file)
    found = [rules for (name, _), rules in runtime.rules.items() if name == state.head.rules]
    for rules in found[:1]:
        check_state(rules, state)
    formula = formula_of(runtime.rules.values(), state)
    _fits(runtime, formula.size)
    return formula


def _fits(runtime: Runtime, size: int) -> None:
    needed, limit = COPIES * size, memory.limit(runtime.settings)
    if needed > limit:
        raise Unprocessable("network_too_big", needed=size_text(needed), limit=size_text(limit))
