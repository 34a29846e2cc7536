"""REST routes as plugins declare them. The server binds them to HTTP; a route can not exist without an action."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import msgspec
import peewee
from msgspec import UNSET, Meta, UnsetType

from hanami_core.access import Access, Action, Actor, Verb
from hanami_core.clock import stamp
from hanami_core.errors import PluginError
from hanami_core.storage.database import Record

if TYPE_CHECKING:
    from hanami_core.runtime import Runtime

M = TypeVar("M", bound=Record)

METHODS = ("GET", "POST", "PUT", "DELETE")
_ACTION = re.compile(r"[a-z_]+\.[a-z_]+")
_PATH = re.compile(r"(/[A-Za-z0-9_.-]+)+")


class Empty(msgspec.Struct, forbid_unknown_fields=True):
    """A request without fields, or the answer of a delete."""


@dataclass(frozen=True)
class Page:
    """An answer that is no JSON: something to look at, sent as it is."""

    body: bytes
    content_type: str = "text/html; charset=utf-8"


@dataclass(frozen=True)
class Call:
    """One request, as a handler sees it. `address` is the network address that it came from, empty if unknown."""

    runtime: Runtime
    access: Access
    address: str = ""

    @property
    def actor(self) -> Actor:
        """Who asks."""
        return self.access.actor

    def get(self, model: type[M], identity: str, missing: str, verb: Verb | None = None) -> M:
        """Return one row that the actor may see; `missing` is the text of the 404 otherwise."""
        return self.access.get(model, identity, missing, verb)


Handler = Callable[[Call, Any], Any]


@dataclass(frozen=True)
class Route:
    """One method of one path.

    Args:
        method: GET, POST, PUT or DELETE.
        path: absolute path, for example ``/v1.0alpha/cluster``.
        action: ``noun.verb``; what rules refer to.
        request: struct of the fields; query fields for GET and DELETE, else the JSON body merged with the query.
        response: struct or other type of the answer, for documentation and checks, or a union if there are several
            kinds of answers; `Page` for what is no JSON.
        handler: called as ``handler(call, request)``; returns a struct, a mapping or an instance of `response`. The
            first line of its docstring is the summary of the route.
        roles: roles that may use the route where no policy file decides.
        anonymous: needs no login; the handler gets ``call.access`` of nobody and must not use it.
    """

    method: str
    path: str
    action: str
    request: type[msgspec.Struct]
    response: Any
    handler: Handler
    roles: tuple[str, ...] = ("admin", "member")
    anonymous: bool = False

    def __post_init__(self) -> None:
        """Refuse a route that breaks the rules."""
        rules = (
            (self.method in METHODS, f"method must be one of {', '.join(METHODS)}"),
            (bool(_PATH.fullmatch(self.path)), "path must be absolute and made of letters, digits and _ . -"),
            (bool(_ACTION.fullmatch(self.action)), "action must look like noun.verb"),
            (self._strict(), "request must be a struct that forbids unknown fields"),
            (callable(self.handler), "handler must be callable"),
        )
        for holds, message in rules:
            if not holds:
                raise PluginError(f"route {self.method} {self.path}: {message}")

    def _strict(self) -> bool:
        is_struct = isinstance(self.request, type) and issubclass(self.request, msgspec.Struct)
        return is_struct and bool(self.request.__struct_config__.forbid_unknown_fields)

    @property
    def permission(self) -> Action:
        """The action that a caller needs."""
        verb: Verb = "read" if self.method == "GET" else "write"
        return Action(self.action, self.method, self.path.lstrip("/"), verb, self.roles)


RouteTable = Mapping[tuple[str, str], Route]


def permission(routes: RouteTable, method: str, endpoint: str) -> Action:
    """Return the action that a call of an endpoint, a path without leading slash, needs.

    Rules are asked about endpoints that no route serves, too: without them only a policy that lists one allows it.
    """
    route = routes.get((method, f"/{endpoint}"))
    if route is not None:
        return route.permission
    return Action("", method, endpoint, "read" if method == "GET" else "write", ())


# -- lists ------------------------------------------------------------------------------------------------------------

MOST_ROWS = 10_000
"""Rows of the longest page."""


class Paging(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Which part of a list is wanted; all of it, if no field is given.

    `limit` is the number of rows of a page, `after` the `next` of the page before.
    """

    limit: Annotated[int, Meta(ge=1, le=MOST_ROWS)] | None = None
    after: Annotated[str, Meta(pattern="^[0-9]{1,18}$", max_length=18)] | None = None

    @property
    def wanted(self) -> bool:
        """Tell whether a page is wanted and not the whole list."""
        return self.limit is not None or self.after is not None

    @property
    def start(self) -> int:
        """Place after which the page begins."""
        return int(self.after or 0)

    @property
    def size(self) -> int:
        """Rows of the page."""
        return self.limit or MOST_ROWS


class Table(msgspec.Struct):
    """Rows of a log or a list, cells in the order of the header."""

    header: list[str]
    body: list[list[Any]]


class Listing(Table):
    """Answer of every list. `next` is there if pages were asked for, null on the last one."""

    next: str | UnsetType | None = UNSET


def table(header: tuple[str, ...], rows: list[list[Any]]) -> dict[str, Any]:
    """Return rows as an answer: ``{"header": [...], "body": [[...], ...]}``."""
    return {"header": list(header), "body": rows}


def listing(
    header: tuple[str, ...],
    query: peewee.ModelSelect[M],
    paging: Paging,
    row: Callable[[M], list[Any]] | None = None,
) -> dict[str, Any]:
    """Return the wanted part of a query as an answer.

    A page is found by the sequence of its rows, so it costs the same wherever in the list it is, and rows that come or
    go meanwhile neither double nor hide others.

    Args:
        header: names of the cells.
        query: what `Access.visible` returned, oldest first.
        paging: the request.
        row: makes the cells of a row; without it they are the columns that the header names.
    """
    sequence = query.model.sequence
    if paging.wanted:
        query = query.where(sequence > paging.start).limit(paging.size + 1)
    if row is not None:
        return paged(header, ((found.sequence, row(found)) for found in query), paging)
    # Nothing but the cells is read, and no object is made: a list can be long.
    cells: Any = query.select(sequence, *(getattr(query.model, name) for name in header)).tuples()
    if "created_at" in header:
        cells = _with_texts(cells, header.index("created_at") + 1)
    return paged(header, ((place, rest) for place, *rest in cells), paging)


def _with_texts(rows: Iterable[Sequence[Any]], moment: int) -> Iterator[list[Any]]:
    """Write the moment that stands at one place of each row as a text."""
    for row in rows:
        cells = list(row)
        cells[moment] = stamp(cells[moment])
        yield cells


def paged(header: tuple[str, ...], rows: Iterable[tuple[int, list[Any]]], paging: Paging) -> dict[str, Any]:
    """Return the wanted part of some rows as an answer; each comes with a place, a positive number that grows."""
    if not paging.wanted:
        return table(header, [cells for _, cells in rows])
    start, size = paging.start, paging.size
    found = list(islice((row for row in rows if row[0] > start), size + 1))
    following = str(found[size - 1][0]) if len(found) > size else None
    return table(header, [cells for _, cells in found[:size]]) | {"next": following}
