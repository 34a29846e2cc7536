"""From the body of a native route to typed bindings.

Both notations are read: lists of objects, and the older maps from a name, which is interface and column alike, to a
dataset or, of a result, to a column.

A body is read while it is iterated, so that of several faults the client is told the one that planning meets first.
Must not know clusters and datasets.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from hanami_core.errors import BadRequest
from hanami_plugins.tasks.plans import Binding, Column, ResultColumn

__all__ = ["Source", "bindings", "column", "name_of_result", "results"]

Source = list[dict[str, Any]] | dict[str, str]

NAME, DATASET, COLUMN = "hexagon_name", "dataset_uuid", "dataset_column"


def bindings(source: Source, field: str) -> Iterator[Binding]:
    """Yield what a field binds: inputs, or the outputs of a training.

    Raises:
        BadRequest: if an entry has other keys than it should, or other values than texts.
    """
    if isinstance(source, dict):
        yield from (Binding(name, uuid, name) for name, uuid in source.items())
    else:
        _check(source, field, (NAME, DATASET, COLUMN))
        yield from (Binding(item[NAME], item[DATASET], item[COLUMN]) for item in source)


def results(source: Source) -> Iterator[ResultColumn]:
    """Yield which output goes into which column.

    Raises:
        BadRequest: if an entry has other keys than it should, or other values than texts.
    """
    if isinstance(source, dict):
        yield from (ResultColumn(name, column) for name, column in source.items())
    else:
        _check(source, "results", (NAME, COLUMN))
        yield from (ResultColumn(item[NAME], item[COLUMN]) for item in source)


def column(source: str | dict[str, Any] | None) -> Column | None:
    """Return the column that a field names: alone, or beside its dataset.

    Raises:
        BadRequest: if an entry has other keys than it should, or other values than texts.
    """
    if source is None or isinstance(source, str):
        return None if source is None else Column("", source)
    _check([source], "sample_weight", (DATASET, COLUMN))
    return Column(source[DATASET], source[COLUMN])


def name_of_result(source: Source, name: str) -> str:
    """Return the name of the dataset that a request writes: in the older notation, that of its first column."""
    return next(iter(source.values()), name) if isinstance(source, dict) else name


def _check(source: Sequence[dict[str, object]], field: str, keys: Sequence[str]) -> None:
    for item in source:
        for key in keys:
            if key not in item:
                raise BadRequest("entry_without_key", key=key)
            if not isinstance(item[key], str):
                raise BadRequest("entry_no_text", key=key, field=field)
        unknown = sorted(set(item) - set(keys))
        if unknown:
            raise BadRequest("entry_key_unknown", key=unknown[0], field=field)
