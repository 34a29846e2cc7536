"""What plugins say about HTTP: Apis, routes, and what handlers see and return. Knows no server and no wire format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hanami_core.deprecation import former_names
from hanami_core.http.api import Api, ApiDescription, SocketOpening
from hanami_core.http.call import Call, Download, Empty, Events, File, Page, ServerEvent, Stream
from hanami_core.http.content import ContentBody, media_type
from hanami_core.http.fields import Body, expect_digest, raw_target
from hanami_core.http.groups import RouteGroup
from hanami_core.http.lists import MOST_ROWS, Listing, Paging, TableAnswer, listing, paged, rows_like, table
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
    "ContentBody",
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
    "TableAnswer",
    "expect_digest",
    "listing",
    "media_type",
    "paged",
    "raw_target",
    "rows_like",
    "table",
]

if not TYPE_CHECKING:  # so that mistyped names are still found
    __getattr__ = former_names(__name__, "0.1", {"Table": "TableAnswer"})
