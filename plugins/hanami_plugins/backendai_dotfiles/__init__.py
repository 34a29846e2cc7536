"""Dotfiles for clients of Backend.AI: small files of users, projects and the installation that sessions begin with.

`list_effective` says which of them a session of a user gets; nothing here is written to the disk of a session.
"""

from __future__ import annotations

import peewee

from hanami_core import hookimpl
from hanami_core.events import Event, ProjectDeleted, UserDeleted
from hanami_core.http import Route
from hanami_core.runtime import Runtime
from hanami_plugins.backendai_dotfiles import routes
from hanami_plugins.backendai_dotfiles.models import Dotfile
from hanami_plugins.backendai_dotfiles.owners import PROJECT, USER, DotfileOwner, of_installation, of_project, of_user
from hanami_plugins.backendai_dotfiles.service import (
    create_dotfile,
    delete_dotfile,
    forget,
    get_dotfile,
    list_dotfiles,
    list_effective,
    update_dotfile,
)

__all__ = [
    "Dotfile",
    "DotfileOwner",
    "create_dotfile",
    "delete_dotfile",
    "get_dotfile",
    "list_dotfiles",
    "list_effective",
    "of_installation",
    "of_project",
    "of_user",
    "update_dotfile",
]

requires = ("api_backendai", "projects")


@hookimpl
def hanami_models() -> list[type[peewee.Model]]:
    """Add the table of dotfiles."""
    return [Dotfile]


@hookimpl
def hanami_event(runtime: Runtime, event: Event) -> None:
    """Remove the dotfiles of what was deleted, but not those of a later user or project with that id."""
    if isinstance(event, UserDeleted):
        forget(USER, event.user_id, of_user(runtime, event.user_id).mark)
    elif isinstance(event, ProjectDeleted):
        forget(PROJECT, event.project_id, of_project(event.project_id).mark)


@hookimpl
def hanami_routes() -> list[Route]:
    """Add the routes."""
    return routes.routes()
