"""From a stored table to a file, made while it is sent, in a format that a plugin brings. Knows no HTTP."""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from hanami_core.access import Access
from hanami_core.exports import TableExport, chosen
from hanami_core.runtime import Runtime
from hanami_core.storage.blobs import Blob
from hanami_plugins.datasets.models import Dataset
from hanami_plugins.datasets.service import get_dataset, open_table

__all__ = ["TableFile", "open_file", "open_table_file"]

_DISTRIBUTION = "hanami"


@dataclass
class TableFile:
    """A table as a file; it is iterated once and must be closed.

    Attributes:
        name: what its owner calls the dataset.
        tag: name of the content: equal tags, equal bytes.
        kind: how it is made.
    """

    name: str
    tag: str
    kind: TableExport
    _parts: Iterator[bytes]
    _stack: ExitStack

    def __iter__(self) -> Iterator[bytes]:
        """Return the bytes, piece by piece."""
        return self._parts

    def close(self) -> None:
        """Let the table go."""
        self._parts = iter(())
        self._stack.close()


def open_file(runtime: Runtime, access: Access, uuid: str, format_name: str, offset: int = 0) -> TableFile:
    """Return the table of a dataset in a format, from a byte on: whoever lost the connection goes on there.

    Raises:
        BadRequest: if no plugin brings the format.
        NotFound: if there is no such dataset that the actor may see.
        Conflict: if it has no table yet.
        Unprocessable: if the format cannot hold the table.
        CorruptFile: if the table is not what was stored.
    """
    return open_table_file(runtime, get_dataset(access, uuid), format_name, offset)


def open_table_file(runtime: Runtime, dataset: Dataset, format_name: str, offset: int = 0) -> TableFile:
    """Return the table of a dataset in a format, for plugins that decide themselves; raises what `open_file` raises."""
    kind = chosen(runtime.exports, TableExport, format_name)
    with ExitStack() as stack:
        table = stack.enter_context(open_table(runtime, dataset))
        # What cannot be done is told before the first piece.
        parts = iter(kind.parts(table))
        blob = Blob.get(Blob.uuid == dataset.blob)
        # The columns' names, which belong to the content, stand in the blob.
        named = f"{blob.sha256} {kind.name} {importlib.metadata.version(_DISTRIBUTION)}"
        tag = hashlib.sha256(named.encode()).hexdigest()
        return TableFile(dataset.name, tag, kind, _after(parts, offset), stack.pop_all())


def _after(parts: Iterator[bytes], offset: int) -> Iterator[bytes]:
    """Return what follows so many bytes."""
    for part in parts:
        if offset < len(part):
            yield part[offset:]
        offset = max(0, offset - len(part))
