"""What can be done with session templates, for routes and for whatever starts sessions. Knows no HTTP.

Users see their own; whoever calls passes the `Access` of the owner, which decides. Global admins can see all.
"""

from __future__ import annotations

import uuid

import peewee

from hanami_core.access import Access
from hanami_core.errors import Conflict, NotFound
from hanami_core.ids import new_uuid, normalised
from hanami_core.runtime import Runtime
from hanami_core.storage.database import ACTIVE, compare_and_set, exclusive, hold
from hanami_plugins import projects
from hanami_plugins.api_backendai import hold_user, lasting_mark
from hanami_plugins.backendai_templates import documents, passwords, payloads
from hanami_plugins.backendai_templates.models import SessionTemplate

__all__ = [
    "LIMIT",
    "create_template",
    "delete_template",
    "forget_project",
    "forget_user",
    "get_template",
    "list_all_templates",
    "list_templates",
    "read_document",
    "update_template",
]

LIMIT = "backendai_templates.limit"
"""Name of the setting with the number of templates that one user may have."""


def create_template(runtime: Runtime, access: Access, project_id: str, payload: str) -> SessionTemplate:
    """Store a template for sessions of the actor in a project.

    Raises:
        BadRequest: naming the field and the rule that it breaks.
        Conflict: if the actor has as many templates as a user may have.
        NotFound: if user or project were deleted.
    """
    template = documents.read(payloads.parse(payload))
    owner_id = access.actor.user_id
    mark, limit = lasting_mark(runtime, owner_id), runtime.settings[LIMIT]
    with exclusive(f"backendai_templates/{mark}"):
        if list_templates(runtime, access).count() >= limit:
            raise Conflict("session_templates_exhausted", limit=limit)
        hold_user(owner_id)
        uuid = new_uuid()
        return SessionTemplate.create(
            uuid=uuid,
            owner_id=owner_id,
            owner_mark=mark,
            project_id=project_id,
            project_mark=_held_project(project_id),
            name=normalised(template.metadata.name),
            **passwords.columns(runtime, uuid, template),
        )


def list_templates(runtime: Runtime, access: Access) -> peewee.ModelSelect[SessionTemplate]:
    """Select the templates of the actor, oldest first."""
    return SessionTemplate.select().where(_own(runtime, access)).order_by(SessionTemplate.sequence)


def list_all_templates(access: Access) -> peewee.ModelSelect[SessionTemplate]:
    """Select the templates of all users, oldest first.

    Raises:
        Forbidden: if the actor is not an admin.
    """
    access.require_admin()
    return SessionTemplate.select().order_by(SessionTemplate.sequence)


def get_template(runtime: Runtime, access: Access, id: str) -> SessionTemplate:
    """Return a template by its UUID, with or without dashes.

    Raises:
        NotFound: if there is none that the actor may see.
    """
    found: SessionTemplate | None = SessionTemplate.get_or_none(_reachable(runtime, access, id))
    if found is None:
        raise NotFound("session_template_missing", id=id)
    return found


def read_document(runtime: Runtime, template: SessionTemplate) -> documents.TaskTemplate:
    """Return what a template says, with the git password if there is one.

    Raises:
        Unavailable: if that was encrypted with another key than that of the data directory.
    """
    return passwords.complete(runtime, template)


def update_template(runtime: Runtime, access: Access, id: str, payload: str) -> None:
    """Replace what a template says.

    Raises:
        BadRequest: naming the field and the rule that it breaks.
        NotFound: if there is none that the actor may see.
    """
    template = documents.read(payloads.parse(payload))
    name, mine = normalised(template.metadata.name), _reachable(runtime, access, id)
    if not compare_and_set(SessionTemplate, mine, name=name, **passwords.columns(runtime, _uuid(id), template)):
        raise NotFound("session_template_missing", id=id)


def delete_template(runtime: Runtime, access: Access, id: str) -> None:
    """Delete a template for good.

    Raises:
        NotFound: if there is none that the actor may see.
    """
    if not SessionTemplate.delete().where(_reachable(runtime, access, id)).execute():
        raise NotFound("session_template_missing", id=id)


def forget_user(runtime: Runtime, user_id: str) -> int:
    """Remove the templates of a user that was deleted, but not those of a later one; return how many."""
    gone = SessionTemplate.owner_mark != lasting_mark(runtime, user_id)
    return int(SessionTemplate.delete().where((SessionTemplate.owner_id == user_id) & gone).execute())


def forget_project(project_id: str) -> int:
    """Remove the templates for a project that was deleted, but not those for a later one; return how many."""
    gone = SessionTemplate.project_mark != _project_mark(project_id)
    return int(SessionTemplate.delete().where((SessionTemplate.project_id == project_id) & gone).execute())


def _own(runtime: Runtime, access: Access) -> peewee.Expression:
    user_id = access.actor.user_id
    theirs: peewee.Expression = SessionTemplate.owner_id == user_id
    return theirs & (SessionTemplate.owner_mark == lasting_mark(runtime, user_id))


def _reachable(runtime: Runtime, access: Access, id: str) -> peewee.Expression:
    """Return the condition for the template with a UUID, if the actor may see it."""
    named: peewee.Expression = SessionTemplate.uuid == _uuid(id)
    return named if access.actor.is_admin else named & _own(runtime, access)


def _project_mark(project_id: str) -> str:
    """Return what tells a project from a later one; empty for that of the admins, which is no row."""
    project = projects.find_project(project_id)
    return "" if project is None else str(project.sequence)


def _held_project(project_id: str) -> str:
    """Return the mark of a project, and keep it from being deleted until the transaction ends."""
    mark, model = _project_mark(project_id), projects.Project
    if mark and not hold(model, (model.sequence == int(mark)) & (model.status == ACTIVE)):
        raise NotFound("project_missing", id=project_id)
    return mark


def _uuid(id: str) -> str:
    try:
        return str(uuid.UUID(id))
    except ValueError:
        return ""
