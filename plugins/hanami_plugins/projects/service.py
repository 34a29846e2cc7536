"""What can be done with projects and memberships, for routes of any Api and for other plugins.

Projects belong to global admins. Whoever calls passes an `Access`, which decides; only `find_project` asks nobody.
Knows neither HTTP nor tokens.
"""

from __future__ import annotations

import peewee

from hanami_core.access import Access, owner_at_work
from hanami_core.errors import Conflict, NotFound
from hanami_core.events import ProjectDeleted
from hanami_core.identity import ProjectMembership
from hanami_core.runtime import Runtime
from hanami_core.storage.database import ACTIVE, OwnedRecord, atomic, hold
from hanami_plugins.projects.models import Project
from hanami_plugins.users import ADMIN_PROJECT, Membership, User, count_owned, effective_memberships, find_user

__all__ = [
    "assign",
    "create_project",
    "delete_project",
    "find_project",
    "get_project",
    "list_memberships",
    "list_projects",
    "require_project",
    "unassign",
]


def create_project(access: Access, id: str, name: str) -> Project:
    """Create a project.

    Raises:
        Forbidden: if the actor is not an admin.
        Conflict: if an active project has the identifier.
    """
    access.require_admin()
    exists = Conflict("project_exists", id=id)
    if id == ADMIN_PROJECT or find_project(id) is not None:
        raise exists
    try:
        with atomic():
            return Project.create(id=id, name=name, creator_id=access.actor.user_id)
    except peewee.IntegrityError as error:
        raise exists from error


def find_project(project_id: str) -> Project | None:
    """Return an active project."""
    project: Project | None = Project.active().where(Project.id == project_id).first()
    return project


def get_project(access: Access, id: str) -> Project:
    """Return a project.

    Raises:
        NotFound: if there is none that the actor may see.
    """
    return access.get(Project, id, "project_missing", "read")


def list_projects(access: Access) -> peewee.ModelSelect[Project]:
    """Select the projects that the actor may see, oldest first."""
    return access.visible(Project, "read")


def delete_project(runtime: Runtime, access: Access, id: str) -> None:
    """Delete a project with all memberships in it.

    Raises:
        NotFound: if there is none that the actor may delete, or somebody else has deleted it meanwhile.
        Conflict: if it still contains resources.
    """
    project = access.get(Project, id, "project_missing", "write")
    with atomic():
        # First, because the identifier may belong to another project by now.
        if not project.mark_deleted():
            raise NotFound("project_missing", id=id)
        left = count_owned(runtime, "project_id", id)
        if left:
            raise Conflict("project_not_empty", id=id, count=left)
        Membership.delete().where(Membership.project_id == id).execute()
        runtime.emit(ProjectDeleted(actor=access.actor, project_id=id))


def require_project(record: OwnedRecord) -> None:
    """Let nothing be added to a project that was deleted; the one of the admins is not a row.

    Raises:
        Conflict: if the project of a new resource was deleted, or its owner, who makes the call, was removed from it.
    """
    here, owner = Project.id == record.project_id, owner_at_work(record)
    if not hold(Project, here & (Project.status == ACTIVE)) and Project.select().where(here).exists():
        raise Conflict("project_deleted", id=record.project_id)
    # Users of another directory have their memberships there.
    membership = owner.principal.place if owner is not None and owner.principal is not None else ""
    if owner is None or not membership or find_user(owner.user_id) is None:
        return
    if not hold(Membership, Membership.uuid == membership):
        raise Conflict("project_not_assigned", user=record.owner_id, project=record.project_id)


# -- memberships -------------------------------------------------------------------------------------------------------


def assign(access: Access, user_id: str, project_id: str, role: str, *, is_project_admin: bool = False) -> User:
    """Make a user a member of a project and return the user.

    Raises:
        Forbidden: if the actor is not an admin.
        NotFound: if there is no such user or project.
        Conflict: if the user is a member of it.
    """
    access.require_admin()
    exists = Conflict("membership_exists", user=user_id, project=project_id)
    with atomic():
        user = _user(user_id)
        if not hold(User, (User.sequence == user.sequence) & (User.status == ACTIVE)):
            raise NotFound("user_missing", id=user_id)
        if not hold(Project, (Project.id == project_id) & (Project.status == ACTIVE)):
            raise NotFound("project_missing", id=project_id)
        if _membership(user_id, project_id).exists():
            raise exists
        try:
            Membership.create(user_id=user_id, project_id=project_id, role=role, is_project_admin=is_project_admin)
        except peewee.IntegrityError as error:
            raise exists from error
    return user


def unassign(access: Access, user_id: str, project_id: str) -> User:
    """End a user's membership in a project and return the user; logins that stand in it end at once.

    Raises:
        Forbidden: if the actor is not an admin.
        NotFound: if there is no such user, or it is no member of the project.
    """
    access.require_admin()
    user = _user(user_id)
    here = (Membership.user_id == user_id) & (Membership.project_id == project_id)
    if not Membership.delete().where(here).execute():
        raise NotFound("membership_missing", user=user_id, project=project_id)
    return user


def list_memberships(access: Access, user_id: str | None = None) -> list[ProjectMembership]:
    """Return where a user can work, the default first: the actor, or, for admins, anybody.

    Raises:
        Forbidden: if a user is given and the actor is not an admin.
        NotFound: if there is no such user.
    """
    if user_id is not None:
        access.require_admin()
    user = _user(access.actor.user_id if user_id is None else user_id)
    return effective_memberships(user.id, is_admin=user.is_admin)


def _user(user_id: str) -> User:
    user = find_user(user_id)
    if user is None:
        raise NotFound("user_missing", id=user_id)
    return user


def _membership(user_id: str, project_id: str) -> peewee.ModelSelect[Membership]:
    return Membership.select().where(Membership.user_id == user_id, Membership.project_id == project_id)
