"""Lists: which part of one is wanted, and how it is read from the database. What a list looks like is the Api's."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Annotated, Any, TypeVar

import msgspec
import peewee
from msgspec import UNSET, Meta, UnsetType

from hanami_core.clock import Moment
from hanami_core.ids import EXAMPLE_UUID
from hanami_core.storage.database import Record
from hanami_core.storage.prepared import tuples

__all__ = ["MOST_ROWS", "Listing", "Paging", "TableAnswer", "listing", "paged", "rows_like", "table"]

M = TypeVar("M", bound=Record)
Cells = list[Any]

MOST_ROWS = 10_000
"""Rows of the longest page."""


class Paging(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The requested part of a list; the whole list if no field is given.

    Attributes:
        limit: number of rows of a page; without it, the whole list.
        after: `next` of the previous page; without it, the list begins with its first row.
    """

    limit: Annotated[int, Meta(ge=1, le=MOST_ROWS, examples=[100])] | None = None
    after: Annotated[str, Meta(pattern="^[0-9]{1,18}$", max_length=18, examples=["42"])] | None = None

    @property
    def wanted(self) -> bool:
        """Return whether a page is requested rather than the whole list."""
        return self.limit is not None or self.after is not None

    @property
    def start(self) -> int:
        """Position after which the page begins."""
        return int(self.after or 0)

    @property
    def size(self) -> int:
        """Rows of the page."""
        return self.limit or MOST_ROWS


class TableAnswer(msgspec.Struct):
    """Rows of a log or a list.

    Attributes:
        header: names of the columns.
        body: rows, oldest first; cells in the order of the header.
    """

    header: Annotated[list[str], Meta(examples=[["uuid", "name"]])]
    body: Annotated[list[list[Any]], Meta(examples=[[[EXAMPLE_UUID, "digits"]]])]


class Listing(TableAnswer):
    """Answer of every list.

    Attributes:
        next: what `after` must be for the next page; null on the last page, missing if no page was requested.
    """

    next: Annotated[str | UnsetType | None, Meta(examples=["42"])] = UNSET


def rows_like(kind: object, /, **columns: object) -> Any:
    """Return a type of answers as a list, with a row as its example.

    Args:
        kind: `Listing` or `TableAnswer`.
        columns: the value of each column of the example, in the order of the header.
    """
    return Annotated[kind, Meta(examples=[{"header": list(columns), "body": [list(columns.values())]}])]


def table(header: tuple[str, ...], rows: list[Cells]) -> TableAnswer:
    """Return rows as an answer."""
    return TableAnswer(list(header), rows)


def listing(
    header: tuple[str, ...],
    query: peewee.ModelSelect[M],
    paging: Paging,
    row: Callable[[M], Cells] | None = None,
) -> Listing:
    """Return the requested part of a query as an answer.

    A page is found by the sequence of its rows, so every page costs the same, and rows that are added or removed in the
    meantime neither duplicate nor hide others.

    Args:
        header: names of the cells; those that end with ``_at`` are moments.
        query: what `Access.visible` returned, oldest first.
        paging: the request.
        row: returns the cells of a row; without it they are the columns that the header names.
    """
    sequence = query.model.sequence
    if paging.wanted:
        query = query.where(sequence > paging.start).limit(paging.size + 1)
    if row is not None:
        return paged(header, ((found.sequence, row(found)) for found in query), paging)
    return paged(header, _cells(query, header), paging)


def _cells(query: peewee.ModelSelect[M], header: tuple[str, ...]) -> Iterable[tuple[int, Cells]]:
    # Nothing but the cells is read, and no object is made: a list can be long.
    model = query.model
    found = tuples(query.select(model.sequence, *(getattr(model, name) for name in header)))
    moments = [place for place, name in enumerate(header) if name.endswith("_at")]
    for sequence, *cells in found:
        for place in moments:
            cells[place] = Moment(cells[place])
        yield sequence, cells


def paged(header: tuple[str, ...], rows: Iterable[tuple[int, Cells]], paging: Paging) -> Listing:
    """Return the requested part of some rows as an answer; each comes with its position, a growing positive number."""
    if not paging.wanted:
        return Listing(list(header), [cells for _, cells in rows])
    start, size = paging.start, paging.size
    found = list(islice((row for row in rows if row[0] > start), size + 1))
    following = str(found[size - 1][0]) if len(found) > size else None
    return Listing(list(header), [cells for _, cells in found[:size]], following)
