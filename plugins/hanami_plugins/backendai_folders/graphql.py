"""What GraphQL answers about folders and the storages that they lie in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import peewee

from hanami_plugins import folders
from hanami_plugins.api_backendai import group_of, owner_of_key, require_domain
from hanami_plugins.backendai_admin import (
    FilterColumn,
    GraphqlCaller,
    GraphqlPart,
    Kind,
    caller_of,
    page_of_items,
    page_of_rows,
)
from hanami_plugins.backendai_folders.answers import MEBIBYTE, common
from hanami_plugins.folders import Folder

if TYPE_CHECKING:
    from graphql import GraphQLResolveInfo

__all__ = ["PART"]

COLUMNS = {
    "id": FilterColumn(Kind.TEXT, Folder.uuid),
    "host": FilterColumn(Kind.TEXT, Folder.storage),
    "name": FilterColumn(Kind.TEXT, Folder.name),
    "creator": FilterColumn(Kind.TEXT, Folder.owner_id),
    "usage_mode": FilterColumn(Kind.TEXT, Folder.usage_mode),
    "permission": FilterColumn(Kind.TEXT, Folder.permission),
    "ownership_type": FilterColumn(Kind.TEXT, Folder.ownership),
    "max_size": FilterColumn(Kind.NUMBER, (Folder.quota + (MEBIBYTE - 1)) / MEBIBYTE),
    "created_at": FilterColumn(Kind.MOMENT, Folder.created_at),
    "last_used": FilterColumn(Kind.MOMENT, Folder.last_used),
    "num_files": FilterColumn(Kind.NUMBER, Folder.files),
    "cur_size": FilterColumn(Kind.NUMBER, Folder.used),
    "cloneable": FilterColumn(Kind.BOOLEAN, Folder.cloneable),
}


def vfolder_list(
    _: object,
    info: GraphQLResolveInfo,
    limit: int,
    offset: int,
    filter: str | None = None,
    order: str | None = None,
    group_id: str | None = None,
    domain_name: str | None = None,
    access_key: str | None = None,
) -> dict[str, Any]:
    """Return a page of the folders that the caller sees; an administrator sees those of everybody."""
    query = _visible(caller_of(info), group_id, domain_name, access_key)
    return page_of_rows(query, COLUMNS, _nodes, limit=limit, offset=offset, filter=filter, order=order)


def _visible(
    caller: GraphqlCaller, group_id: str | None, domain_name: str | None, access_key: str | None
) -> peewee.ModelSelect[Folder]:
    require_domain(domain_name)
    query = folders.list_folders(caller.access)
    if access_key:
        owner = owner_of_key(caller.runtime, caller.access, access_key)
        query = folders.list_folders(owner, as_admin=False)
    if group_id:
        project = group_of(caller.runtime, caller.access, group_id).project_id
        query = query.where((Folder.ownership == "group") & (Folder.project_id == project))
    return query


def _nodes(rows: Sequence[Folder]) -> list[dict[str, Any]]:
    return [
        common(row)
        | {
            "id": row.uuid,
            "unmanaged_path": None,
            "permission": row.permission,
            "max_files": 0,
            "created_at": row.created_at,
            "last_used": row.last_used,
            "num_files": row.files,
            "cur_size": row.used,
        }
        for row in rows
    ]


def storage_volume(_: object, info: GraphQLResolveInfo, id: str | None = None) -> dict[str, Any] | None:
    """Return a storage by its name, by default the one of new folders, None if there is none of that name."""
    caller = caller_of(info)
    found = _volumes(caller)
    default = next(one.name for one in folders.list_storages(caller.runtime, caller.access) if one.is_default)
    return next((one for one in found if one["id"] == (id or default)), None)


def storage_volume_list(
    _: object, info: GraphQLResolveInfo, limit: int, offset: int, filter: str | None = None, order: str | None = None
) -> dict[str, Any]:
    """Return a page of the storages."""
    kinds = {"id": Kind.TEXT, "backend": Kind.TEXT}
    return page_of_items(_volumes(caller_of(info)), kinds, limit=limit, offset=offset, filter=filter, order=order)


def _volumes(caller: GraphqlCaller) -> list[dict[str, Any]]:
    caller.access.require_admin()
    found: list[dict[str, Any]] = []
    for one in folders.list_storages(caller.runtime, caller.access):
        usage = folders.storage_usage(caller.runtime, one.name)
        room = {} if usage.available is None else {"capacity_bytes": usage.used + usage.available}
        found.append(
            {
                "id": one.name,
                "backend": one.name,
                "fsprefix": None,
                "path": None,
                "capabilities": list(one.capabilities),
                "hardware_metadata": {"status": "healthy", "status_info": None, "metadata": {}},
                "performance_metric": {"folders": usage.folders, "files": usage.files},
                "usage": {"used_bytes": usage.used} | room,
            }
        )
    return found


PART = GraphqlPart(
    resolvers={
        "Query.vfolder_list": vfolder_list,
        "Query.storage_volume": storage_volume,
        "Query.storage_volume_list": storage_volume_list,
    }
)
