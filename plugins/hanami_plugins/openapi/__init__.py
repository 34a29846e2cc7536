"""The API's description of itself: an OpenAPI document made of the routes, and a page to read and try it.

Both are for everybody, and say nothing that is not the same on every server with the same plugins.
"""

from __future__ import annotations

from hanami_core import hookimpl
from hanami_core.http import Route
from hanami_core.runtime import Runtime
from hanami_plugins.openapi import routes
from hanami_plugins.openapi.document import describe
from hanami_plugins.openapi.service import DOCUMENTS, Documents, document_of

__all__ = ["describe", "document_of"]


@hookimpl
def hanami_startup(runtime: Runtime) -> None:
    """Keep what was described once."""
    runtime.stash[DOCUMENTS] = Documents()


@hookimpl
def hanami_routes() -> list[Route]:
    """Add the document and the page."""
    return routes.routes()
