"""What can be done with projects and places in them. Knows neither HTTP nor tokens."""

from __future__ import annotations

import peewee

from hanami_core.errors import Conflict, NotFound
from hanami_core.runtime import Runtime
from hanami_core.storage.database import atomic
from hanami_plugins.projects.models import Project
from hanami_plugins.users import Membership, User, count_owned, memberships

MISSING = "Project with id '{}' not found"
ADMIN_PROJECT = "admin"
"""Project that every global admin works in by default. It is not a row, and no row can have its identifier."""


def create_project(id: str, name: str, creator_id: str) -> Project:
    """Create a project.

    Raises:
        Conflict: if an active project has the identifier.
    """
    exists = Conflict(f"Project with id '{id}' already exist.")
    if id == ADMIN_PROJECT or find_project(id) is not None:
        raise exists
    try:
        with atomic():
            return Project.create(id=id, name=name, creator_id=creator_id)
    except peewee.IntegrityError as error:
        raise exists from error


def find_project(project_id: str) -> Project | None:
    """Return an active project."""
    project: Project | None = Project.active().where(Project.id == project_id).first()
    return project


def delete_project(runtime: Runtime, project: Project) -> None:
    """Delete a project with everybody's place in it.

    Raises:
        NotFound: if somebody else has deleted it meanwhile.
        Conflict: if it still contains resources.
    """
    with atomic():
        # First, because the identifier may belong to another project by now.
        if not project.mark_deleted():
            raise NotFound(MISSING.format(project.id))
        left = count_owned(runtime, "project_id", project.id)
        if left:
            raise Conflict(f"Project with id '{project.id}' still contains {left} resources, delete them first.")
        Membership.delete().where(Membership.project_id == project.id).execute()


def contexts(user: User) -> list[Membership]:
    """Return the places that a user can work in, the default one first; a global admin's default is not stored."""
    return [_virtual(user), *memberships(user.id)] if user.is_admin else memberships(user.id)


def context(user: User, project_id: str, uuid: str) -> Membership | None:
    """Return the one of a user's `contexts` that has the given project and uuid."""
    found = [_virtual(user)] if user.is_admin and not uuid else memberships(user.id)
    return next((place for place in found if (place.project_id, place.uuid) == (project_id, uuid)), None)


def _virtual(user: User) -> Membership:
    return Membership(uuid="", user_id=user.id, project_id=ADMIN_PROJECT, role=ADMIN_PROJECT, is_project_admin=True)


def assign(user: User, project_id: str, role: str, *, is_project_admin: bool) -> Membership:
    """Give a user a place in a project.

    Raises:
        NotFound: if there is no such project.
        Conflict: if the user has a place in it.
    """
    taken = Conflict(f"Project with ID '{project_id}' is already assigned to user with id '{user.id}'.")
    with atomic():
        if find_project(project_id) is None:
            raise NotFound(MISSING.format(project_id))
        if _place(user, project_id).exists():
            raise taken
        try:
            return Membership.create(
                user_id=user.id, project_id=project_id, role=role, is_project_admin=is_project_admin
            )
        except peewee.IntegrityError as error:
            raise taken from error


def unassign(user: User, project_id: str) -> None:
    """Take a user's place in a project; logins that stand in it end at once.

    Raises:
        NotFound: if the user has no place in it.
    """
    gone = Membership.delete().where(Membership.user_id == user.id, Membership.project_id == project_id).execute()
    if not gone:
        text = f"Project with ID '{project_id}' is not assigned to user with id '{user.id}'"
        raise NotFound(f"{text} and so it can not be removed from the user.")


def _place(user: User, project_id: str) -> peewee.ModelSelect[Membership]:
    return Membership.select().where(Membership.user_id == user.id, Membership.project_id == project_id)
