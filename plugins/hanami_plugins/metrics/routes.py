"""The page that tools read."""

from __future__ import annotations

from hanami_core import metrics
from hanami_core.http import Call, Empty, Page, Route
from hanami_plugins.metrics.exposition import CONTENT_TYPE, exposition


def routes(public: bool) -> list[Route]:
    """Return the only route; without a login if it is `public`."""
    handler = show if public else show_admin
    return [
        Route("GET", "/metrics", "metrics.get", Empty, Page, handler, roles=("admin",), anonymous=public, root=True),
    ]


def show_admin(call: Call, request: Empty) -> Page:
    """Return all metrics in the text format of Prometheus."""
    call.access.require_admin()
    return show(call, request)


def show(call: Call, request: Empty) -> Page:
    """Return all metrics in the text format of Prometheus."""
    return Page(exposition(metrics.gather(call.runtime)).encode(), CONTENT_TYPE)
