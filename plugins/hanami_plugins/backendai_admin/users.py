"""Users: their id is their e-mail address for clients, and a project that they are a member of is a group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import peewee

from hanami_core.errors import BadRequest, Conflict, VisibleError
from hanami_core.http.fields import convert
from hanami_core.ids import Name, UserId
from hanami_plugins import projects
from hanami_plugins import users as directory
from hanami_plugins.api_backendai import DEFAULT, require_domain, user_uuid
from hanami_plugins.backendai_admin.groups import MEMBER, group_id_of, reference
from hanami_plugins.backendai_admin.language import Kind
from hanami_plugins.backendai_admin.mutations import mutation
from hanami_plugins.backendai_admin.pages import Node, paged
from hanami_plugins.backendai_admin.parts import GraphqlCaller, Resolver, caller_of
from hanami_plugins.backendai_admin.properties import Props, given, require_fixed, require_unchanged
from hanami_plugins.backendai_admin.rows import FilterColumn
from hanami_plugins.users import Membership, User

if TYPE_CHECKING:
    from graphql import GraphQLResolveInfo

__all__ = ["RESOLVERS", "role_of"]

SUPERADMIN, ADMIN, USER = "superadmin", "admin", "user"
"""Roles: global admins, admins of any of their groups, others."""
STATUS = "active"
MOST_NAMED = 1000
"""Users that one query names; beyond, the memberships of all are read."""

_ROLE = peewee.Case(
    None,
    (
        (User.is_admin, SUPERADMIN),
        (User.id.in_(Membership.select(Membership.user_id).where(Membership.is_project_admin)), ADMIN),
    ),
    USER,
)
COLUMNS = {
    "email": FilterColumn(Kind.TEXT, User.id),
    "username": FilterColumn(Kind.TEXT, User.id),
    "full_name": FilterColumn(Kind.TEXT, User.name),
    "role": FilterColumn(Kind.TEXT, _ROLE),
    "created_at": FilterColumn(Kind.MOMENT, User.created_at),
    "status": FilterColumn(Kind.TEXT, peewee.Value(STATUS)),
    "is_active": FilterColumn(Kind.BOOLEAN, peewee.Value(True)),
    "domain_name": FilterColumn(Kind.TEXT, peewee.Value(DEFAULT)),
}


class NewUser(msgspec.Struct):
    """A user who is to be created."""

    email: UserId
    full_name: Name


def role_of(row: User, places: Sequence[Membership]) -> str:
    """Return the role of a user."""
    if row.is_admin:
        return SUPERADMIN
    return ADMIN if any(place.is_project_admin for place in places) else USER


def nodes(rows: Sequence[User]) -> list[Node]:
    """Return users with their groups."""
    found = directory.all_memberships([row.id for row in rows] if len(rows) <= MOST_NAMED else None)
    return [_node(row, found.get(row.id, [])) for row in rows]


def _node(row: User, places: Sequence[Membership]) -> Node:
    own = [directory.ADMIN_PROJECT] if row.is_admin else []
    return {
        "id": user_uuid(row.id),
        "uuid": user_uuid(row.id),
        "username": row.id,
        "email": row.id,
        "need_password_change": False,
        "full_name": row.name,
        "description": None,
        "is_active": True,
        "status": STATUS,
        "status_info": None,
        "created_at": row.created_at,
        "modified_at": None,
        "domain_name": DEFAULT,
        "role": role_of(row, places),
        "groups": [reference(project_id) for project_id in (*own, *(place.project_id for place in places))],
    }


# -- queries -----------------------------------------------------------------------------------------------------------


def visible_users(
    caller: GraphqlCaller,
    status: str | None = None,
    group_id: str | None = None,
    domain_name: str | None = None,
    is_active: bool | None = None,
) -> peewee.ModelSelect[User]:
    """Select the users that the caller sees and that are meant: anybody but an admin sees only themselves."""
    require_domain(domain_name)
    query = directory.list_users(caller.access) if caller.is_admin else User.active().where(User.id == caller.user_id)
    if is_active is False or status not in (None, "", STATUS):
        query = query.where(peewee.SQL("0 = 1"))
    if group_id:
        query = query.where(_in_group(group_id_of(caller, group_id)))
    return query


def _in_group(project_id: str) -> Any:
    if project_id == directory.ADMIN_PROJECT:
        return User.is_admin
    return User.id.in_(Membership.select(Membership.user_id).where(Membership.project_id == project_id))


def user(_: object, info: GraphQLResolveInfo, email: str | None = None, domain_name: str | None = None) -> Node | None:
    """Return a user, by default the caller; None if there is none."""
    caller = caller_of(info)
    caller.require_self(email)
    found = list(visible_users(caller, domain_name=domain_name).where(User.id == (email or caller.user_id)))
    return nodes(found)[0] if found else None


def user_from_uuid(
    _: object, info: GraphQLResolveInfo, user_id: str | None = None, domain_name: str | None = None
) -> Node | None:
    """Return a user by UUID, by default the caller; None if there is none."""
    caller = caller_of(info)
    own = user_uuid(caller.user_id)
    caller.require_self(None if user_id in (None, own) else "")
    found = list(visible_users(caller, domain_name=domain_name).where(User.uuid == (user_id or own)))
    return nodes(found)[0] if found else None


def users(_: object, info: GraphQLResolveInfo, **meant: Any) -> list[Node]:
    """Return all users that are meant."""
    return nodes(list(visible_users(caller_of(info), **meant)))


# -- mutations ---------------------------------------------------------------------------------------------------------


@mutation
def create_user(caller: GraphqlCaller, email: str, props: Props) -> Node:
    """Create a user and make them a member of groups."""
    caller.access.require_admin()
    require_fixed(props, domain_name=DEFAULT, status=STATUS, need_password_change=False, description=None)
    if given(props, "username") not in (None, email):
        raise Conflict("fixed_here", field="username", value="the e-mail address")
    new = convert(NewUser, {"email": email, "full_name": given(props, "full_name") or email})
    role = _role(props)
    groups = [group_id_of(caller, one) for one in given(props, "group_ids") or []]
    if role == ADMIN and not groups:
        raise Conflict("role_needs_group")
    row = directory.create_user(
        caller.runtime, caller.access, new.email, new.full_name, props["password"], is_admin=role == SUPERADMIN
    )
    try:
        for project_id in groups:
            projects.assign(caller.access, row.id, project_id, MEMBER, is_project_admin=role == ADMIN)
    except VisibleError:
        directory.delete_user(caller.runtime, caller.access, row.id)
        raise
    return {"user": nodes([row])[0]}


def _role(props: Props) -> str:
    role = given(props, "role") or USER
    if role not in (SUPERADMIN, ADMIN, USER):
        raise BadRequest("field_invalid", field="role", reason=f"it must be '{SUPERADMIN}', '{ADMIN}' or '{USER}'")
    return str(role)


@mutation
def modify_user(caller: GraphqlCaller, email: str, props: Props) -> None:
    """Change the passphrase of a user, or the groups; nothing else of a user can be changed."""
    caller.access.require_admin()
    row = directory.get_user(caller.access, email)
    places = directory.memberships(row.id)
    require_fixed(props, domain_name=DEFAULT, status=STATUS, need_password_change=False, description=None)
    require_unchanged(props, username=row.id, full_name=row.name, role=role_of(row, places))
    wanted = props.get("group_ids")
    groups = None if wanted is None else {group_id_of(caller, one) for one in wanted}
    if given(props, "password") is not None:
        directory.set_passphrase(caller.access, row.id, props["password"])
    if groups is not None:
        _move(caller, row.id, {place.project_id for place in places}, groups - {directory.ADMIN_PROJECT})


def _move(caller: GraphqlCaller, user_id: str, former: set[str], wanted: set[str]) -> None:
    for project_id in sorted(wanted - former):
        projects.assign(caller.access, user_id, project_id, MEMBER)
    for project_id in sorted(former - wanted):
        projects.unassign(caller.access, user_id, project_id)


@mutation
def delete_user(caller: GraphqlCaller, email: str) -> None:
    """Delete a user."""
    directory.delete_user(caller.runtime, caller.access, email)


@mutation
def purge_user(caller: GraphqlCaller, email: str, props: Props) -> None:
    """Delete a user; what belongs to the user stays, and has to be deleted first."""
    require_fixed(props, purge_shared_vfolders=False)
    directory.delete_user(caller.runtime, caller.access, email)


RESOLVERS: dict[str, Resolver] = {
    "Query.user": user,
    "Query.user_from_uuid": user_from_uuid,
    "Query.users": users,
    "Query.user_list": paged(visible_users, COLUMNS, nodes),
    "Mutation.create_user": create_user,
    "Mutation.modify_user": modify_user,
    "Mutation.delete_user": delete_user,
    "Mutation.purge_user": purge_user,
}
