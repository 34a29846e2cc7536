"""Pages of lists: what the arguments ``limit``, ``offset``, ``filter`` and ``order`` make of rows or of objects.

Lists of other plugins' parts are made with the same functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import peewee

from hanami_core.errors import BadRequest
from hanami_core.storage.database import Record
from hanami_plugins.backendai_admin import items, rows
from hanami_plugins.backendai_admin.language import Kind, parse_filter, parse_order
from hanami_plugins.backendai_admin.parts import Resolver, caller_of
from hanami_plugins.backendai_admin.rows import Columns

if TYPE_CHECKING:
    from graphql import GraphQLResolveInfo

__all__ = ["MOST", "Node", "page_of_items", "page_of_rows", "paged"]

Node = dict[str, Any]
"""An object of an answer: its fields by name."""
R = TypeVar("R", bound=Record)

MOST = 100
"""Objects of a page."""


def page_of_rows(
    query: peewee.ModelSelect[R],
    columns: Columns,
    nodes: Callable[[Sequence[R]], Sequence[Node]],
    *,
    limit: int,
    offset: int,
    filter: str | None = None,
    order: str | None = None,
) -> Node:
    """Return a page of a query as a list type of the schema: its objects and the number of all.

    Args:
        query: the rows that the caller may see, in the order that holds without `order`.
        columns: the fields that `filter` and `order` may name.
        nodes: makes objects of rows.
        limit: objects of the page.
        offset: objects before it.
        filter: condition on the fields.
        order: fields to sort by.

    Raises:
        BadRequest: naming the argument and the rule that it breaks.
    """
    _require_page(limit, offset)
    if filter:
        kinds = {name: column.kind for name, column in columns.items()}
        query = query.where(rows.where(parse_filter(filter, kinds), columns))
    total = query.count()
    if order:
        query = query.order_by(*rows.order_by(parse_order(order, columns), columns), query.model.sequence)
    return {"items": nodes(list(query.limit(limit).offset(offset))), "total_count": total}


def paged(
    select: Callable[..., peewee.ModelSelect[R]], columns: Columns, nodes: Callable[[Sequence[R]], Sequence[Node]]
) -> Resolver:
    """Return the resolver of a page of what ``select(caller, **arguments)`` selects, see `page_of_rows`."""

    def resolve(
        _source: object,
        info: GraphQLResolveInfo,
        limit: int,
        offset: int,
        filter: str | None = None,
        order: str | None = None,
        **meant: Any,
    ) -> Node:
        query = select(caller_of(info), **meant)
        return page_of_rows(query, columns, nodes, limit=limit, offset=offset, filter=filter, order=order)

    return resolve


def page_of_items(
    found: Iterable[Node],
    kinds: Mapping[str, Kind],
    *,
    limit: int,
    offset: int,
    filter: str | None = None,
    order: str | None = None,
) -> Node:
    """Return a page of objects that are in memory, see `page_of_rows`.

    Raises:
        BadRequest: naming the argument and the rule that it breaks.
    """
    _require_page(limit, offset)
    kept: list[Any] = list(found)
    if filter:
        holds = items.predicate(parse_filter(filter, kinds))
        kept = [one for one in kept if holds(one)]
    if order:
        kept = items.ordered(kept, parse_order(order, kinds))
    return {"items": kept[offset : offset + limit], "total_count": len(kept)}


def _require_page(limit: int, offset: int) -> None:
    if not 0 <= limit <= MOST:
        raise BadRequest("field_invalid", field="limit", reason=f"it must be between 0 and {MOST}")
    if offset < 0:
        raise BadRequest("field_invalid", field="offset", reason="it must not be negative")
