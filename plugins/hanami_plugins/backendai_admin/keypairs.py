"""Key pairs. A secret key is shown once, to whoever creates the pair, and to whoever has just signed with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import peewee

from hanami_core.errors import Conflict
from hanami_core.storage.database import ACTIVE
from hanami_plugins import keypairs as service
from hanami_plugins import users as directory
from hanami_plugins.api_backendai import DEFAULT, require_domain, user_uuid
from hanami_plugins.backendai_admin.language import Kind
from hanami_plugins.backendai_admin.mutations import mutation
from hanami_plugins.backendai_admin.pages import Node, paged
from hanami_plugins.backendai_admin.parts import GraphqlCaller, Resolver, caller_of
from hanami_plugins.backendai_admin.properties import Props, given, require_fixed
from hanami_plugins.backendai_admin.rows import FilterColumn
from hanami_plugins.keypairs import KeyPair
from hanami_plugins.users import User

if TYPE_CHECKING:
    from graphql import GraphQLResolveInfo

__all__ = ["RATE_LIMIT", "RESOLVERS"]

RATE_LIMIT = 5000
"""What released clients ask for if nobody says anything else; requests are not counted."""

_IS_ADMIN = peewee.fn.COALESCE(User.is_admin, False)
COLUMNS = {
    "access_key": FilterColumn(Kind.TEXT, KeyPair.access_key),
    "user_id": FilterColumn(Kind.TEXT, KeyPair.owner_id),
    "email": FilterColumn(Kind.TEXT, KeyPair.owner_id),
    "full_name": FilterColumn(Kind.TEXT, User.name),
    "is_active": FilterColumn(Kind.BOOLEAN, KeyPair.is_active),
    "is_admin": FilterColumn(Kind.BOOLEAN, _IS_ADMIN),
    "created_at": FilterColumn(Kind.MOMENT, KeyPair.created_at),
    "last_used": FilterColumn(Kind.MOMENT, KeyPair.last_used_at),
    "resource_policy": FilterColumn(Kind.TEXT, peewee.Value(DEFAULT)),
    "rate_limit": FilterColumn(Kind.NUMBER, peewee.Value(RATE_LIMIT)),
}


def visible_pairs(
    caller: GraphqlCaller, email: str | None = None, is_active: bool | None = None, domain_name: str | None = None
) -> Any:
    """Select the pairs that the caller sees and that are meant, with name and rights of their users."""
    require_domain(domain_name)
    caller.require_self(email)
    owner = (User.id == KeyPair.owner_id) & (User.status == ACTIVE)
    query = service.list_keypairs(caller.access).join(User, peewee.JOIN.LEFT_OUTER, on=owner)
    query = query.select_extend(User.name.alias("owner_name"), _IS_ADMIN.alias("owner_is_admin"))
    if email is not None:
        query = query.where(KeyPair.owner_id == email)
    if is_active is not None:
        query = query.where(KeyPair.is_active == is_active)
    return query.objects()


def nodes(rows: Sequence[Any]) -> list[Node]:
    """Return pairs without their secret keys."""
    return [_node(row, row.owner_name, is_admin=bool(row.owner_is_admin)) for row in rows]


def _node(row: KeyPair, full_name: str | None, *, is_admin: bool, secret_key: str | None = None) -> Node:
    return {
        "id": row.access_key,
        "user_id": row.owner_id,
        "full_name": full_name,
        "access_key": row.access_key,
        "secret_key": secret_key,
        "is_active": row.is_active,
        "is_admin": is_admin,
        "created_at": row.created_at,
        "modified_at": None,
        "last_used": row.last_used_at,
        "resource_policy": DEFAULT,
        "rate_limit": RATE_LIMIT,
        "concurrency_used": 0,
        "num_queries": None,
        "user": user_uuid(row.owner_id),
        "ssh_public_key": None,
        "ssh_private_key": None,
        "dotfiles": [],
        "bootstrap_script": None,
        "user_info": {"full_name": full_name},
    }


# -- queries -----------------------------------------------------------------------------------------------------------


def keypair(
    _: object, info: GraphQLResolveInfo, access_key: str | None = None, domain_name: str | None = None
) -> Node | None:
    """Return a pair, by default the one that has signed the request; after a login by cookie, the user's first one."""
    caller = caller_of(info)
    wanted = access_key or caller.access_key
    query = visible_pairs(caller, domain_name=domain_name)
    if wanted is None:
        mine = KeyPair.owner_id == caller.user_id
        found = nodes(list(query.where(mine & KeyPair.is_active).limit(1)))
        return found[0] if found else _nobody(caller)
    if access_key is not None:
        service.get_keypair(caller.access, access_key)
    found = nodes(list(query.where(KeyPair.access_key == wanted)))
    if found and wanted == caller.access_key:
        known = service.credential(caller.runtime, wanted)
        found[0]["secret_key"] = None if known is None else known.secret_key
    return found[0] if found else None


def _nobody(caller: GraphqlCaller) -> Node:
    """Return what stands for the pair of somebody who has none: commands ask it whether they talk to an admin."""
    actor = caller.access.actor
    known = {"user_id": actor.user_id, "full_name": actor.name, "is_admin": actor.is_admin}
    return known | {"user": user_uuid(actor.user_id), "user_info": {"full_name": actor.name}}


def keypairs(_: object, info: GraphQLResolveInfo, **meant: Any) -> list[Node]:
    """Return all pairs that are meant."""
    return nodes(list(visible_pairs(caller_of(info), **meant)))


# -- mutations ---------------------------------------------------------------------------------------------------------


@mutation
def create_keypair(caller: GraphqlCaller, user_id: str, props: Props) -> Node:
    """Create a pair for a user."""
    require_fixed(props, resource_policy=DEFAULT, rate_limit=RATE_LIMIT)
    owner = directory.find_user(user_id)
    if owner is not None:
        _require_rights(props, owner)
    new = service.create_keypair(caller.runtime, caller.access, user_id=user_id)
    if given(props, "is_active") is False:
        service.deactivate_keypair(caller.access, new.pair.access_key)
        new.pair.is_active = False
    name, is_admin = ("", False) if owner is None else (owner.name, owner.is_admin)
    return {"keypair": _node(new.pair, name, is_admin=is_admin, secret_key=new.secret_key)}


def _require_rights(props: Props, owner: User) -> None:
    """Raise `Conflict` if a pair is to have the rights of an admin and its user has not.

    Commands that ask for nothing say that it is to have none: it has those of its user anyway.
    """
    if given(props, "is_admin") and not owner.is_admin:
        raise Conflict("fixed_here", field="is_admin", value="that of the user")


@mutation
def modify_keypair(caller: GraphqlCaller, access_key: str, props: Props) -> None:
    """Activate or deactivate a pair."""
    pair = service.get_keypair(caller.access, access_key)
    require_fixed(props, resource_policy=DEFAULT, rate_limit=RATE_LIMIT)
    owner = directory.find_user(pair.owner_id)
    if owner is not None and given(props, "is_admin") not in (None, owner.is_admin):
        raise Conflict("fixed_here", field="is_admin", value="that of the user")
    active = given(props, "is_active")
    if active is not None:
        change = service.activate_keypair if active else service.deactivate_keypair
        change(caller.access, access_key)


@mutation
def delete_keypair(caller: GraphqlCaller, access_key: str) -> None:
    """Delete a pair."""
    service.delete_keypair(caller.access, access_key)


RESOLVERS: dict[str, Resolver] = {
    "Query.keypair": keypair,
    "Query.keypairs": keypairs,
    "Query.keypair_list": paged(visible_pairs, COLUMNS, nodes),
    "Mutation.create_keypair": create_keypair,
    "Mutation.modify_keypair": modify_keypair,
    "Mutation.delete_keypair": delete_keypair,
}
