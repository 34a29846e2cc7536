"""Lets scripts of web pages from elsewhere call the API, if the operator names those pages (CORS).

Falcon knows the headers. Before a call that is not simple, a browser asks without any credential whether it may; that
is answered here, the same for every path, so that nobody learns which paths there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import falcon

from hanami_core.errors import SettingsError
from hanami_core.http import METHODS

__all__ = ["foreign_pages"]

ALL = "*"
EXPOSED = "Retry-After"


def foreign_pages(origins: str) -> Iterator[Any]:
    """Return Falcon's middleware for pages of some origins, none if none is allowed.

    Args:
        origins: such as ``https://example.org``, separated by commas, or ``*`` for all.

    Raises:
        SettingsError: if one is not an origin.
    """
    allowed = [part for part in map(str.strip, origins.split(",")) if part]
    for origin in allowed:
        if allowed != [ALL] and not _is_origin(origin):
            raise SettingsError(
                f"http.origins: '{origin}' is none; they look like https://example.org:8443, or are * alone"
            )
    if allowed:
        yield falcon.CORSMiddleware(ALL if allowed == [ALL] else allowed, expose_headers=EXPOSED)
        yield _Preflight()


def _is_origin(text: str) -> bool:
    scheme, mark, place = text.partition("://")
    return scheme in ("http", "https") and bool(mark and place) and not set(place) & set("/?#@ *")


class _Preflight:
    """Middleware that answers the question of a browser, before anything else looks at it."""

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer which methods there are at all."""
        asks = req.get_header("Origin") and req.get_header("Access-Control-Request-Method")
        if req.method == "OPTIONS" and asks:
            resp.status = falcon.HTTP_204
            resp.set_header("Allow", ", ".join(METHODS))
            resp.complete = True
