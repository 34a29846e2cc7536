"""Groups, which are projects: who sees which, and what admins can do with them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from hanami_core.errors import BadRequest, NotFound
from hanami_core.http.fields import convert
from hanami_core.ids import Id, Name
from hanami_plugins import projects, users
from hanami_plugins.api_backendai import DEFAULT, group_uuid, require_domain, user_uuid
from hanami_plugins.backendai_admin.mutations import mutation
from hanami_plugins.backendai_admin.pages import Node
from hanami_plugins.backendai_admin.parts import GraphqlCaller, Resolver, caller_of
from hanami_plugins.backendai_admin.properties import Props, given, require_fixed, require_unchanged

if TYPE_CHECKING:
    from graphql import GraphQLResolveInfo

__all__ = ["RESOLVERS", "group_id_of", "reference"]

MEMBER = "member"
ADD, REMOVE = "add", "remove"


class NewGroup(msgspec.Struct):
    """A group that is to be created."""

    name: Id
    description: Name


def reference(project_id: str) -> Node:
    """Return a group as users have it."""
    return {"id": group_uuid(project_id), "name": project_id}


def _node(project_id: str, row: projects.Project | None) -> Node:
    return reference(project_id) | {
        "description": project_id if row is None else row.name,
        "is_active": True,
        "created_at": None if row is None else row.created_at,
        "domain_name": DEFAULT,
        "total_resource_slots": {},
        "allowed_vfolder_hosts": [],
        "integration_id": None,
    }


def visible_groups(caller: GraphqlCaller) -> list[Node]:
    """Return the groups of a user, or all for an admin; the project of the admins is one that is not a row."""
    if caller.is_admin:
        return [
            _node(users.ADMIN_PROJECT, None),
            *(_node(row.id, row) for row in projects.list_projects(caller.access)),
        ]
    own = [one.project_id for one in projects.list_memberships(caller.access)]
    return [_node(project_id, projects.find_project(project_id)) for project_id in own]


def group_id_of(caller: GraphqlCaller, wanted: str) -> str:
    """Return the id of a project that the caller sees, by the UUID or the name of the group.

    Raises:
        NotFound: if there is none.
    """
    for one in visible_groups(caller):
        if wanted in (one["id"], one["name"]):
            return str(one["name"])
    raise NotFound("group_missing", id=wanted)


def group(_: object, info: GraphQLResolveInfo, id: str, domain_name: str | None = None) -> Node | None:
    """Return a group by its UUID, None if the caller sees none."""
    require_domain(domain_name)
    return next((one for one in visible_groups(caller_of(info)) if one["id"] == id), None)


def groups(
    _: object, info: GraphQLResolveInfo, domain_name: str | None = None, is_active: bool | None = None
) -> list[Node]:
    """Return all groups that the caller sees."""
    require_domain(domain_name)
    return [] if is_active is False else visible_groups(caller_of(info))


def groups_by_name(_: object, info: GraphQLResolveInfo, name: str, domain_name: str | None = None) -> list[Node]:
    """Return the group with a name, if the caller sees one."""
    require_domain(domain_name)
    return [one for one in visible_groups(caller_of(info)) if one["name"] == name]


# -- mutations ---------------------------------------------------------------------------------------------------------

FIXED: dict[str, object] = {
    "is_active": True,
    "domain_name": DEFAULT,
    "total_resource_slots": None,
    "allowed_vfolder_hosts": None,
    "integration_id": None,
}


@mutation
def create_group(caller: GraphqlCaller, name: str, props: Props) -> Node:
    """Create a project; its name is the description of the group."""
    require_fixed(props, **FIXED)
    new = convert(NewGroup, {"name": name, "description": given(props, "description") or name})
    return {"group": _node(new.name, projects.create_project(caller.access, new.name, new.description))}


@mutation
def modify_group(caller: GraphqlCaller, gid: str, props: Props) -> None:
    """Add users to a project, or remove them."""
    caller.access.require_admin()
    project_id = group_id_of(caller, gid)
    require_fixed(props, **FIXED)
    found = projects.find_project(project_id)
    require_unchanged(props, name=project_id, description=project_id if found is None else found.name)
    chosen = given(props, "user_uuids") or []
    mode = given(props, "user_update_mode") or ADD
    if mode not in (ADD, REMOVE):
        raise BadRequest("field_invalid", field="user_update_mode", reason=f"it must be '{ADD}' or '{REMOVE}'")
    for user_id in user_ids(caller, chosen):
        if mode == ADD:
            projects.assign(caller.access, user_id, project_id, MEMBER)
        else:
            projects.unassign(caller.access, user_id, project_id)


def user_ids(caller: GraphqlCaller, uuids: Iterable[str]) -> list[str]:
    """Return the ids of users.

    Raises:
        NotFound: if the caller sees no user with one of the UUIDs.
    """
    wanted = list(uuids)
    known = {user_uuid(row.id): str(row.id) for row in users.list_users(caller.access)} if wanted else {}
    for one in wanted:
        if one not in known:
            raise NotFound("user_uuid_missing", uuid=one)
    return [known[one] for one in wanted]


@mutation
def delete_group(caller: GraphqlCaller, gid: str) -> None:
    """Delete a project that contains nothing."""
    projects.delete_project(caller.runtime, caller.access, group_id_of(caller, gid))


RESOLVERS: dict[str, Resolver] = {
    "Query.group": group,
    "Query.groups": groups,
    "Query.groups_by_name": groups_by_name,
    "Mutation.create_group": create_group,
    "Mutation.modify_group": modify_group,
    "Mutation.delete_group": delete_group,
    "Mutation.purge_group": delete_group,
}
