"""REST routes of the description."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from hanami_core.http import NATIVE, Call, Empty, Page, Route, RouteGroup
from hanami_plugins.openapi import service

GROUP = RouteGroup("openapi", "Read this description of the API.", 900)
PAGE = Path(__file__).with_name("docs.html")


class OfApi(msgspec.Struct, forbid_unknown_fields=True):
    """An API of the server.

    Attributes:
        api: name of the API; `native`, the one that `/docs` shows, by default.
    """

    api: Annotated[str, Meta(max_length=254)] = NATIVE


def routes() -> list[Route]:
    """Return all routes."""
    return GROUP.of(
        Route("GET", "/openapi.json", "openapi.document", OfApi, dict[str, Any], document, anonymous=True, root=True),
        Route("GET", "/docs", "openapi.page", Empty, Page, page, anonymous=True, root=True),
    )


def document(call: Call, request: OfApi) -> msgspec.Raw:
    """Return this description as an OpenAPI document."""
    return service.document_of(call.runtime, request.api)


def page(call: Call, request: Empty) -> Page:
    """Return a page that shows this description and can send requests."""
    return Page(PAGE.read_bytes())
