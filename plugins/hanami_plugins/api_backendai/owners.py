"""Whom a call of Backend.AI's clients is about: its caller, or somebody whose access key an administrator names.

Other plugins with routes of this API ask here, so that all of them decide alike.
"""

from __future__ import annotations

from dataclasses import replace

import peewee

from hanami_core.access import Access
from hanami_core.errors import Forbidden, NotFound, Unauthorized
from hanami_core.http import Call
from hanami_core.identity import ProjectMembership
from hanami_core.runtime import Runtime
from hanami_core.storage.database import ACTIVE, hold
from hanami_plugins import keypairs, projects, users
from hanami_plugins.api_backendai.identifiers import DEFAULT, group_uuid
from hanami_plugins.api_backendai.schemes import ACCESS_KEY, SIGNATURE

__all__ = ["access_in_group", "group_of", "hold_user", "lasting_mark", "owner_access", "owner_of_key", "require_domain"]


def owner_access(call: Call, access_key: str | None) -> Access:
    """Return what the owner of an access key may do in a call, see `owner_of_key`."""
    return owner_of_key(call.runtime, call.access, access_key)


def owner_of_key(runtime: Runtime, access: Access, access_key: str | None) -> Access:
    """Return what the owner of an access key may do, or the caller if it is empty or that of the caller.

    Raises:
        Forbidden: if the key is not one of the caller's, who is no administrator.
        NotFound: if no pair with that key identifies anybody.
    """
    if not access_key or access_key == access.actor.attributes.get(ACCESS_KEY):
        return access
    pair = keypairs.credential(runtime, access_key)
    # Who may not act for others learns nothing about which keys exist.
    if not access.actor.is_admin and (pair is None or pair.principal.user_id != access.actor.user_id):
        raise Forbidden("owner_denied")
    try:
        actor = None if pair is None else pair.principal.actor(runtime.identity, SIGNATURE)
    except Unauthorized:
        actor = None
    if actor is None:
        raise NotFound("keypair_missing", access_key=access_key)
    return Access(actor, access.action, runtime.plugins.access_rules)


def require_domain(domain: str | None) -> None:
    """Refuse a domain that does not exist; there is only one, which nobody needs to name.

    Raises:
        NotFound: if it is another one.
    """
    if domain and domain != DEFAULT:
        raise NotFound("domain_missing", name=domain)


def group_of(runtime: Runtime, access: Access, group: str | None) -> ProjectMembership:
    """Return the membership of an actor in a group, which is given by the id or the UUID of a project.

    Without a name, or with `default`, it is the project that the actor works in.

    Raises:
        NotFound: if the actor is no member of such a project, and no administrator.
    """
    actor = access.actor
    account = None if runtime.identity is None else runtime.identity.find(actor.user_id)
    found = [] if account is None or runtime.identity is None else list(runtime.identity.memberships(account))
    if actor.is_admin:
        found = [ProjectMembership(one.id, actor.role, True, "") for one in projects.list_projects(access)] + found
    for one in found:
        if group in (one.project_id, group_uuid(one.project_id)):
            return one
    if not group or group == DEFAULT:
        return ProjectMembership(actor.project_id, actor.role, actor.is_project_admin or actor.is_admin, "")
    raise NotFound("group_missing", id=group)


def access_in_group(call: Call, group: str | None) -> Access:
    """Return what the caller may do in a group, see `group_of`.

    Raises:
        NotFound: if the caller is no member of such a project, and no administrator.
        Forbidden: if the call is not allowed to the role that the caller has there.
    """
    actor, membership = call.actor, group_of(call.runtime, call.access, group)
    if membership.project_id == actor.project_id:
        return call.access
    # The principal is that of the membership whose key has signed.
    there = replace(
        actor,
        project_id=membership.project_id,
        role=membership.role,
        is_project_admin=membership.is_project_admin,
        principal=None,
    )
    access = Access(there, call.access.action, call.runtime.plugins.access_rules)
    access.require()
    return access


def lasting_mark(runtime: Runtime, user_id: str) -> str:
    """Return what differs for a later user with the same id; empty for somebody who does not exist."""
    account = None if runtime.identity is None else runtime.identity.find(user_id)
    return "" if account is None else account.lasting_mark


def hold_user(user_id: str) -> None:
    """Keep a user from being deleted until the transaction ends; users of another directory are none of ours.

    Raises:
        NotFound: if the user is deleted already.
    """
    user = users.find_user(user_id)
    here: peewee.Expression | None = None if user is None else users.User.sequence == user.sequence
    if here is not None and not hold(users.User, here & (users.User.status == ACTIVE)):
        raise NotFound("user_missing", id=user_id)
