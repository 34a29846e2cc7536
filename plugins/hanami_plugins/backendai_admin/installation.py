"""What an installation has one of: the domain, the group of hosts, the resource policy. None of it can be changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hanami_core.runtime import Runtime
from hanami_plugins.api_backendai import DEFAULT
from hanami_plugins.backendai_admin.mutations import refusal
from hanami_plugins.backendai_admin.pages import Node
from hanami_plugins.backendai_admin.parts import Resolver, caller_of

if TYPE_CHECKING:
    from graphql import GraphQLResolveInfo

__all__ = ["RESOLVERS"]

DOMAIN: Node = {
    "name": DEFAULT,
    "description": "this installation",
    "is_active": True,
    "created_at": None,
    "total_resource_slots": {},
    "allowed_vfolder_hosts": [],
    "allowed_docker_registries": [],
    "integration_id": None,
}
SCALING_GROUP: Node = {
    "name": DEFAULT,
    "description": "all compute hosts",
    "is_active": True,
    "created_at": None,
    "driver": "static",
    "driver_opts": {},
    "scheduler": "fifo",
    "scheduler_opts": {},
}


# -- domain ------------------------------------------------------------------------------------------------------------


def domain(_: object, info: GraphQLResolveInfo, name: str | None = None) -> Node | None:
    """Return the domain."""
    return DOMAIN if name in (None, DEFAULT) else None


def domains(_: object, info: GraphQLResolveInfo, is_active: bool | None = None) -> list[Node]:
    """Return the domain in a list, to admins."""
    caller_of(info).access.require_admin()
    return [] if is_active is False else [DOMAIN]


# -- scaling group -----------------------------------------------------------------------------------------------------


def scaling_group(_: object, info: GraphQLResolveInfo, name: str | None = None) -> Node | None:
    """Return the group of all hosts, to admins."""
    caller_of(info).access.require_admin()
    return SCALING_GROUP if name in (None, DEFAULT) else None


def scaling_groups(
    _: object, info: GraphQLResolveInfo, name: str | None = None, is_active: bool | None = None
) -> list[Node]:
    """Return the group of all hosts in a list, to admins."""
    caller_of(info).access.require_admin()
    return [SCALING_GROUP] if name in (None, DEFAULT) and is_active is not False else []


# -- resource policy ---------------------------------------------------------------------------------------------------


def policy(runtime: Runtime) -> Node:
    """Return what the settings let each user have, as far as clients have words for it."""
    tasks, folders, disk = (_limit(runtime, name) for name in ("tasks", "folders", "disk"))
    return {
        "name": DEFAULT,
        "created_at": None,
        "default_for_unspecified": "UNLIMITED",
        "total_resource_slots": {},
        "max_concurrent_sessions": tasks,
        "max_vfolder_count": folders,
        "max_vfolder_size": disk or 0,
        "idle_timeout": 0,
        "max_containers_per_session": 1,
        "allowed_vfolder_hosts": [],
    }


def _limit(runtime: Runtime, resource: str) -> int | None:
    """Return how much of a resource a user may have; None, if there is no limit."""
    limit = int(runtime.settings.get(f"quotas.user_{resource}", -1))
    return limit if limit >= 0 else None


def keypair_resource_policy(_: object, info: GraphQLResolveInfo, name: str | None = None) -> Node | None:
    """Return the policy."""
    return policy(caller_of(info).runtime) if name in (None, DEFAULT) else None


def keypair_resource_policies(_: object, info: GraphQLResolveInfo) -> list[Node]:
    """Return the policy in a list."""
    return [policy(caller_of(info).runtime)]


# -- what other plugins may have ---------------------------------------------------------------------------------------


def nothing(_: object, info: GraphQLResolveInfo, **__: object) -> None:
    """Return nothing: there is none."""


def no_page(_: object, info: GraphQLResolveInfo, **__: object) -> Node:
    """Return an empty page."""
    return {"items": [], "total_count": 0}


def images(_: object, info: GraphQLResolveInfo, **__: object) -> list[Node]:
    """Return no images."""
    return []


def storage_volume(_: object, info: GraphQLResolveInfo, **__: object) -> None:
    """Return nothing, to admins."""
    caller_of(info).access.require_admin()


def storage_volume_list(_: object, info: GraphQLResolveInfo, **__: object) -> Node:
    """Return an empty page, to admins."""
    caller_of(info).access.require_admin()
    return {"items": [], "total_count": 0}


RESOLVERS: dict[str, Resolver] = {
    "Query.domain": domain,
    "Query.domains": domains,
    "Query.scaling_group": scaling_group,
    "Query.scaling_groups": scaling_groups,
    "Query.keypair_resource_policy": keypair_resource_policy,
    "Query.keypair_resource_policies": keypair_resource_policies,
    "Query.compute_session": nothing,
    "Query.compute_session_list": no_page,
    "Query.vfolder_list": no_page,
    "Query.images": images,
    "Query.storage_volume": storage_volume,
    "Query.storage_volume_list": storage_volume_list,
    **{
        f"Mutation.{name}": refusal(code)
        for code, names in {
            "one_domain": ("create_domain", "modify_domain", "delete_domain", "purge_domain"),
            "one_policy": (
                "create_keypair_resource_policy",
                "modify_keypair_resource_policy",
                "delete_keypair_resource_policy",
            ),
            "one_scaling_group": (
                "create_scaling_group",
                "modify_scaling_group",
                "delete_scaling_group",
                "associate_scaling_group_with_domain",
                "disassociate_scaling_group_with_domain",
                "disassociate_all_scaling_groups_with_domain",
                "associate_scaling_group_with_user_group",
                "disassociate_scaling_group_with_user_group",
                "disassociate_all_scaling_groups_with_group",
            ),
            "images_fixed": ("rescan_images", "alias_image", "dealias_image"),
        }.items()
        for name in names
    },
}
