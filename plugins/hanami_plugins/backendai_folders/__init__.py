"""Virtual folders for clients of Backend.AI: the folders of the installation, as released clients ask for them.

A host is a storage of folders, a group folder is one of a project, and what clients know as the storage proxy is a few
routes beside the others, which a token opens. Only translates; what may be done is decided in ``folders``.
"""

from __future__ import annotations

from hanami_core import hookimpl
from hanami_core.http import Route
from hanami_plugins.backendai_admin import GraphqlPart
from hanami_plugins.backendai_folders import events, files, graphql, hosts, routes, sharing, transfers

__all__: list[str] = []

requires = ("api_backendai", "backendai_admin", "folders")


@hookimpl
def hanami_routes() -> list[Route]:
    """Add the routes."""
    return [one for module in (routes, files, sharing, hosts, transfers, events) for one in module.routes()]


@hookimpl
def backendai_admin_graphql() -> list[GraphqlPart]:
    """Answer what GraphQL is asked about folders and their storages."""
    return [graphql.PART]
