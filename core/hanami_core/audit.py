"""Blobs and the rows that hold them: where they disagree, and what can be put right without losing anything.

A row holds the blobs of its columns that are `BlobField`, an open task those in its list. What names a blob in another
column, or in a table that no plugin brings now, may need it as well: such a blob is left alone.

While others work, what is read first may be old when the rest is read; so who looks does it twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import peewee

from hanami_core.queue import Task
from hanami_core.runtime import CORE_MODELS, Runtime
from hanami_core.storage.blobs import Blob
from hanami_core.storage.database import BlobField, OwnedRecord, Record, atomic

__all__ = ["BlobHolder", "Disagreement", "disagreements", "holders", "mend", "needed"]

_CHUNK = 500
_TEXTS = ("CHAR", "TEXT")


class BlobHolder(NamedTuple):
    """What holds a blob, in words, and what its owner can do when the blob is lost."""

    name: str
    remedy: str


@dataclass(frozen=True)
class Disagreement:
    """A blob that is not counted as often as it is held.

    Attributes:
        blob: its name.
        store: where it lies; empty if it is nowhere.
        counted: how often it is counted, None if it has no row.
        held: how often it is held.
    """

    blob: str
    store: str
    counted: int | None
    held: int


def holders(runtime: Runtime) -> dict[str, list[BlobHolder]]:
    """Return what holds each blob."""
    found: dict[str, list[BlobHolder]] = defaultdict(list)
    for model, column in _columns(runtime):
        rows = model.select(*_naming(model), column).where(column.is_null(False))
        for row in rows.where(model.holding()) if issubclass(model, Record) else rows:
            found[str(getattr(row, column.name))].append(BlobHolder(_named(row), column.remedy))
    if Task._meta.table_name in _tables(runtime):
        for blob, task in runtime.queue.holders():
            found[blob].append(BlobHolder(_named(task), "delete it, it will fail"))
    return dict(found)


def _columns(runtime: Runtime) -> list[tuple[Any, BlobField]]:
    tables = _tables(runtime)
    models = [model for table, model in runtime.models.items() if table in tables]
    return [(m, column) for m in models for column in m._meta.sorted_fields if isinstance(column, BlobField)]


def _tables(runtime: Runtime) -> set[str]:
    return set(runtime.database.driver.get_tables())


def _naming(model: Any) -> tuple[object, ...]:
    return (model.uuid, model.name, model.owner_id) if issubclass(model, OwnedRecord) else (model._meta.primary_key,)


def _named(row: Any) -> str:
    table = row._meta.table_name
    if isinstance(row, OwnedRecord):
        return f"{table} '{row.name}' ({row.uuid}) of user '{row.owner_id}'"
    return f"{table} {row.get_id()}"


def disagreements(runtime: Runtime, held: Mapping[str, list[BlobHolder]]) -> list[Disagreement]:
    """Return the blobs that are not counted as often as they are held."""
    counted = {row.uuid: row for row in Blob.select()}
    found = [_compared(blob, counted.get(blob), len(held.get(blob, ()))) for blob in sorted({*counted, *held})]
    wrong = [one for one in found if one.counted != one.held]
    without_row = {one.blob for one in wrong if one.counted is None}
    stores = {blob: store for store, blob in runtime.blobs.orphans() if blob in without_row} if without_row else {}
    # What is counted too often may be held by somebody that is not known here.
    doubtful = {one.blob for one in wrong if one.counted is not None and one.counted > one.held}
    doubtful &= named_elsewhere(runtime, doubtful) if _all_tables(runtime) else doubtful
    return [
        Disagreement(one.blob, one.store or stores.get(one.blob, ""), one.counted, one.held)
        for one in wrong
        if one.blob not in doubtful
    ]


def _compared(blob: str, row: Blob | None, held: int) -> Disagreement:
    return Disagreement(blob, "" if row is None else row.store, None if row is None else row.references, held)


def _all_tables(runtime: Runtime) -> bool:
    """Tell whether no table was lost, with rows that may have held something."""
    return not any(owner.missing_tables() for owner in runtime.owners())


def named_elsewhere(runtime: Runtime, blobs: Iterable[str]) -> set[str]:
    """Return those of some blobs that a text names which is not a declared reference."""
    declared = {(model._meta.table_name, column.column_name) for model, column in _columns(runtime)}
    own = {model._meta.table_name for model in CORE_MODELS}
    wanted, driver = sorted(blobs), runtime.database.driver
    chunks = [wanted[start : start + _CHUNK] for start in range(0, len(wanted), _CHUNK)]
    found: set[str] = set()
    for table in sorted(_tables(runtime) - own) if wanted else ():
        for column in driver.get_columns(table):
            if (table, column.name) not in declared and any(kind in column.data_type.upper() for kind in _TEXTS):
                found.update(value for chunk in chunks for value in _values(runtime, table, column.name, chunk))
    return found


def _values(runtime: Runtime, table: str, column: str, wanted: list[str]) -> Iterator[str]:
    rows: Any = peewee.Table(table).bind(runtime.database.driver)
    field = getattr(rows.c, column)
    return (str(row[0]) for row in rows.select(field).where(field.in_(wanted)).distinct().tuples())


def needed(runtime: Runtime, blobs: set[str]) -> set[str]:
    """Return those of some blobs that anything names."""
    return (blobs & holders(runtime).keys()) | named_elsewhere(runtime, blobs)


def mend(runtime: Runtime, one: Disagreement) -> str:
    """Put a disagreement right and return what was done; empty if that is not possible. Nobody else may be at work.

    Raises:
        OSError: if a file cannot be read or set aside.
    """
    if one.counted is None:
        if not one.store:
            return ""  # both are lost
        with atomic():
            runtime.blobs.admit(one.store, one.blob, one.held)
        return f"blob {one.blob} has its row again"
    if one.held:
        with atomic():
            runtime.blobs.correct(one.blob, one.counted, one.held)
        return f"blob {one.blob} is counted {one.held} times, not {one.counted} times"
    place = runtime.blobs.set_aside(one.store, one.blob)
    with atomic():
        runtime.blobs.correct(one.blob, one.counted, 0)
    return f"blob {one.blob}, which nothing needs, to {place}" if place else f"blob {one.blob} had no file"
