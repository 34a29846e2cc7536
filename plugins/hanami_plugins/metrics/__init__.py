"""Numbers about the server at ``/metrics``, for tools such as Prometheus. What they tell is not known here."""

from __future__ import annotations

from hanami_core import hookimpl
from hanami_core.http import Route
from hanami_core.runtime import Runtime
from hanami_core.settings import Setting
from hanami_plugins.metrics import routes

__all__: list[str] = []


@hookimpl
def hanami_settings() -> list[Setting]:
    """Declare who may look."""
    return [Setting("metrics.public", bool, False, "Whether everybody may read /metrics, or only global admins")]


@hookimpl
def hanami_routes(runtime: Runtime) -> list[Route]:
    """Add the page."""
    return routes.routes(runtime.settings["metrics.public"])
