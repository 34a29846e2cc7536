"""REST routes of the description."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import Any

import msgspec

from hanami_core.http.routes import Call, Empty, Page, Route
from hanami_core.plugin_host import OWN_DISTRIBUTION
from hanami_core.stash import StashKey
from hanami_plugins.openapi.document import describe

DOCUMENT: StashKey[msgspec.Raw] = StashKey("openapi.document")
PAGE = Path(__file__).with_name("docs.html")


def routes() -> list[Route]:
    """Return all routes."""
    return [
        Route("GET", "/openapi.json", "openapi.document", Empty, dict[str, Any], document, anonymous=True),
        Route("GET", "/docs", "openapi.page", Empty, Page, page, anonymous=True),
    ]


def document(call: Call, request: Empty) -> msgspec.Raw:
    """Return this description as an OpenAPI document."""
    stash = call.runtime.stash
    if DOCUMENT not in stash:
        version = importlib.metadata.version(OWN_DISTRIBUTION)
        stash[DOCUMENT] = msgspec.Raw(msgspec.json.encode(describe(call.runtime.routes.values(), version)))
    return stash[DOCUMENT]


def page(call: Call, request: Empty) -> Page:
    """Return a page that shows this description and can send requests."""
    return Page(PAGE.read_bytes())
