"""REST routes of the description."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from hanami_core.errors import NotFound
from hanami_core.http import NATIVE, Call, Empty, Page, Route
from hanami_core.plugin_host import OWN_DISTRIBUTION
from hanami_core.runtime import Runtime
from hanami_core.stash import StashKey
from hanami_plugins.openapi.document import describe

DOCUMENTS: StashKey[dict[str, msgspec.Raw]] = StashKey("openapi.documents")
PAGE = Path(__file__).with_name("docs.html")


class OfApi(msgspec.Struct, forbid_unknown_fields=True):
    """The name of an Api; the native one if none is given."""

    api: Annotated[str, Meta(max_length=254)] = NATIVE


def routes() -> list[Route]:
    """Return all routes."""
    return [
        Route("GET", "/openapi.json", "openapi.document", OfApi, dict[str, Any], document, anonymous=True, root=True),
        Route("GET", "/docs", "openapi.page", Empty, Page, page, anonymous=True, root=True),
    ]


def document(call: Call, request: OfApi) -> msgspec.Raw:
    """Return this description as an OpenAPI document."""
    return _document(call.runtime, request.api)


def _document(runtime: Runtime, name: str) -> msgspec.Raw:
    if name not in runtime.routes.apis:
        raise NotFound("api_missing", name=name)
    documents = runtime.stash[DOCUMENTS]
    if name not in documents:
        version = importlib.metadata.version(OWN_DISTRIBUTION)
        api = runtime.routes.apis[name]
        routes = [bound for bound in runtime.routes if bound.api.name == name]
        documents[name] = msgspec.Raw(msgspec.json.encode(describe(api, routes, version)))
    return documents[name]


def page(call: Call, request: Empty) -> Page:
    """Return a page that shows this description and can send requests."""
    return Page(PAGE.read_bytes())
