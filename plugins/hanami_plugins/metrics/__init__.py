"""Numbers about the server at ``/metrics``, for tools such as Prometheus. What they tell is not known here."""

from __future__ import annotations

from hanami_core import hookimpl
from hanami_core.http import Api, Route
from hanami_core.runtime import Runtime
from hanami_core.settings import Setting
from hanami_plugins.metrics import routes
from hanami_plugins.metrics.scraper import API, SCHEME, ScraperScheme, check

__all__: list[str] = []

TOKEN_SCHEME = "token"  # noqa: S105 - a name
"""Scheme of the logins of users, so that admins may look."""


@hookimpl
def hanami_settings() -> list[Setting]:
    """Declare who may look."""
    return [
        Setting("metrics.public", bool, False, "Whether everybody may read /metrics, not only global admins"),
        Setting("metrics.token", str, "", "Secret that gives access to /metrics only; empty for none", secret=True),
    ]


@hookimpl
def hanami_startup(runtime: Runtime) -> None:
    """Look at the settings."""
    check(runtime.settings["metrics.token"])


@hookimpl
def hanami_authenticators(runtime: Runtime) -> list[ScraperScheme]:
    """Add the scheme ``scraper``."""
    return [ScraperScheme(runtime.settings["metrics.token"])]


@hookimpl
def hanami_apis() -> list[Api]:
    """Add an Api of the page alone, so that its secret opens nothing else."""
    return [Api(API, "/metrics", (SCHEME, TOKEN_SCHEME))]


@hookimpl
def hanami_routes(runtime: Runtime) -> list[Route]:
    """Add the page."""
    return routes.routes(runtime.settings["metrics.public"])
