"""GraphQL for released clients of Backend.AI 22.03: users, groups, key pairs, agents, and what there is one of.

All of it is what the installation has, by the services of the plugins that own it: the domain is the installation, a
group is a project, an agent is a compute host. Other plugins add to it with the hook ``backendai_admin_graphql``.
"""

from __future__ import annotations

from hanami_core import hookimpl
from hanami_core.http import Route
from hanami_core.runtime import Runtime
from hanami_plugins.backendai_admin.language import Kind
from hanami_plugins.backendai_admin.mutations import mutation
from hanami_plugins.backendai_admin.pages import page_of_items, page_of_rows
from hanami_plugins.backendai_admin.parts import GraphqlCaller, GraphqlHooks, GraphqlPart, caller_of
from hanami_plugins.backendai_admin.routes import GraphqlEndpoint
from hanami_plugins.backendai_admin.rows import FilterColumn

__all__ = [
    "FilterColumn",
    "GraphqlCaller",
    "GraphqlPart",
    "Kind",
    "caller_of",
    "mutation",
    "page_of_items",
    "page_of_rows",
]

requires = ("api_backendai", "hosts", "keypairs", "projects", "users")


@hookimpl
def hanami_hookspecs() -> type[GraphqlHooks]:
    """Let other plugins add to the schema."""
    return GraphqlHooks


@hookimpl
def hanami_routes(runtime: Runtime) -> list[Route]:
    """Add the route."""
    return GraphqlEndpoint(runtime).routes()
