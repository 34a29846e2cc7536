"""Projects: the rooms that users work in, and which resources somebody in a project sees.

Who a user is belongs to the plugin `users`; which project a login is for belongs to the plugin that issues tokens.
"""

from __future__ import annotations

import peewee

from hanami_core import hookimpl
from hanami_core.access import ADMINS_ONLY, Action, Actor, Rule
from hanami_core.http import Route
from hanami_core.storage.database import RecordGuard
from hanami_plugins.projects import routes, visibility
from hanami_plugins.projects.models import Project
from hanami_plugins.projects.service import (
    assign,
    create_project,
    delete_project,
    find_project,
    get_project,
    list_memberships,
    list_projects,
    require_project,
    unassign,
)

__all__ = [
    "Project",
    "assign",
    "create_project",
    "delete_project",
    "find_project",
    "get_project",
    "list_memberships",
    "list_projects",
    "unassign",
]

requires = ("users",)
essential = True


@hookimpl
def hanami_models() -> list[type[peewee.Model]]:
    """Add the table of projects."""
    return [Project]


@hookimpl
def hanami_record_guards() -> list[RecordGuard]:
    """Keep deleted projects from getting further resources, which would wait for the next project of the name."""
    return [RecordGuard("projects", require_project)]


@hookimpl
def hanami_access_rules(actor: Actor, action: Action) -> list[Rule]:
    """Keep projects to admins, and say which resources an actor sees."""
    if action.resource is not None:
        return visibility.rules(actor, action.resource, action.verb)
    admins_only = action.name.startswith("projects.") or action.name == "memberships.remove"
    return [Rule(False, ADMINS_ONLY)] if admins_only and not actor.is_admin else []


@hookimpl
def hanami_routes() -> list[Route]:
    """Add the routes of projects and memberships."""
    return routes.routes()
