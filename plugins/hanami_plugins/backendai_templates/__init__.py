"""Session templates for clients of Backend.AI: what sessions are to be like, written down once.

`get_template` and `read_document` are for whatever starts sessions; nothing here does.
"""

from __future__ import annotations

import peewee

from hanami_core import hookimpl
from hanami_core.checks import Check
from hanami_core.events import Event, ProjectDeleted, UserDeleted
from hanami_core.http import Route
from hanami_core.runtime import Runtime
from hanami_core.settings import Setting
from hanami_plugins.backendai_templates import passwords, routes, service
from hanami_plugins.backendai_templates.documents import TaskTemplate
from hanami_plugins.backendai_templates.models import SessionTemplate
from hanami_plugins.backendai_templates.service import (
    create_template,
    delete_template,
    get_template,
    list_templates,
    read_document,
    update_template,
)

__all__ = [
    "SessionTemplate",
    "TaskTemplate",
    "create_template",
    "delete_template",
    "get_template",
    "list_templates",
    "read_document",
    "update_template",
]

requires = ("api_backendai", "keypairs", "projects")


@hookimpl
def hanami_settings() -> list[Setting]:
    """Declare how many templates a user may have."""
    return [Setting(service.LIMIT, int, 100, "Session templates that one user may have", 0)]


@hookimpl
def hanami_models() -> list[type[peewee.Model]]:
    """Add the table of templates."""
    return [SessionTemplate]


@hookimpl
def hanami_startup(runtime: Runtime) -> None:
    """Read the key that git passwords are encrypted with."""
    runtime.stash[passwords.VAULT] = passwords.open_vault(runtime)
    if runtime.role.prepares:
        passwords.seal_plain(runtime)


@hookimpl
def hanami_checks(runtime: Runtime) -> list[Check]:
    """Look for git passwords that cannot be decrypted."""
    return [Check("git passwords of session templates", lambda: passwords.unreadable(runtime))]


@hookimpl
def hanami_event(runtime: Runtime, event: Event) -> None:
    """Remove the templates of what was deleted, but not those of a later user or project with that id."""
    if isinstance(event, UserDeleted):
        service.forget_user(runtime, event.user_id)
    elif isinstance(event, ProjectDeleted):
        service.forget_project(event.project_id)


@hookimpl
def hanami_routes() -> list[Route]:
    """Add the routes."""
    return routes.routes()
