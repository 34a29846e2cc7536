"""What plugins say about HTTP: Apis, routes, and what handlers see and return. Knows no server and no wire format."""

from __future__ import annotations

from hanami_core.http.api import Api, ApiDescription, SocketOpening
from hanami_core.http.call import Call, Download, Empty, Events, File, Page, ServerEvent, Stream
from hanami_core.http.fields import Body, expect_digest, raw_target
from hanami_core.http.groups import RouteGroup
from hanami_core.http.lists import MOST_ROWS, Listing, Paging, Table, listing, paged, rows_like, table
from hanami_core.http.route import METHODS, NATIVE, SAFE_METHODS, Handler, Route
from hanami_core.http.routing import BoundRoute, RouteTable

__all__ = [
    "METHODS",
    "MOST_ROWS",
    "NATIVE",
    "SAFE_METHODS",
    "Api",
    "ApiDescription",
    "Body",
    "BoundRoute",
    "Call",
    "Download",
    "Empty",
    "Events",
    "File",
    "Handler",
    "Listing",
    "Page",
    "Paging",
    "Route",
    "RouteGroup",
    "RouteTable",
    "ServerEvent",
    "SocketOpening",
    "Stream",
    "Table",
    "expect_digest",
    "listing",
    "paged",
    "raw_target",
    "rows_like",
    "table",
]
