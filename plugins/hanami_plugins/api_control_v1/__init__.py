"""The v0.4 generation of OpenHanami: the prefixes ``/control/v1`` and ``/v1``, bricks, and results of requests.

It speaks to clients of v0.4.0 and v0.4.1 about the same users, datasets, clusters and tasks as the native API does, by
the services that the features publish. Must not keep anything of its own.
"""

from __future__ import annotations

from hanami_core import hookimpl
from hanami_core.dialects import TemplateDialect
from hanami_core.http import Api, Route
from hanami_plugins.api_control_v1 import accounts, clusters, datasets, machine, results, tasks
from hanami_plugins.api_control_v1.api import ControlApi, ShortPrefix
from hanami_plugins.api_control_v1.bricks import BrickDialect
from hanami_plugins.api_control_v1.frames import BrickMessages
from hanami_plugins.api_control_v1.groups import grouped
from hanami_plugins.direct_io import MessageFormat

__all__ = ["BrickDialect", "ControlApi"]

requires = (
    "api_v1_0alpha",
    "auth_jwt",
    "checkpoints",
    "clusters",
    "datasets",
    "direct_io",
    "hosts",
    "logs",
    "measurements",
    "projects",
    "tasks",
    "users",
)


@hookimpl
def hanami_apis() -> list[Api]:
    """Add the API, and the prefix that its documents use."""
    api = ControlApi()
    return [api, ShortPrefix(api)]


@hookimpl
def hanami_routes() -> list[Route]:
    """Add the routes."""
    modules = (accounts, clusters, datasets, machine, results, tasks)
    return grouped(route for module in modules for route in module.routes())


@hookimpl
def direct_io_formats() -> list[MessageFormat]:
    """Add the messages of direct IO."""
    return [BrickMessages()]


@hookimpl
def hanami_template_dialects() -> list[TemplateDialect]:
    """Add the language of bricks."""
    return [BrickDialect()]
