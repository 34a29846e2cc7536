"""The page that tools read."""

from __future__ import annotations

from hanami_core import metrics
from hanami_core.http import Call, Empty, Page, Route, RouteGroup
from hanami_plugins.metrics.exposition import exposition
from hanami_plugins.metrics.scraper import API, ROLE, SCHEME

GROUP = RouteGroup("metrics", "Monitor the server with Prometheus and similar tools.", 900)


def routes(public: bool) -> list[Route]:
    """Return the only route; without a login if it is `public`."""
    handler, roles = (show if public else show_known), ("admin", ROLE)
    return GROUP.of(Route("GET", "", "metrics.get", Empty, Page, handler, roles, anonymous=public, api=API))


def show_known(call: Call, request: Empty) -> Page:
    """Return all metrics in the text format of Prometheus, or of OpenMetrics if that is asked for."""
    if call.actor.scheme != SCHEME:
        call.access.require_admin()
    return show(call, request)


def show(call: Call, request: Empty) -> Page:
    """Return all metrics in the text format of Prometheus, or of OpenMetrics if that is asked for."""
    return exposition(metrics.gather(call.runtime), call.req.accept)
