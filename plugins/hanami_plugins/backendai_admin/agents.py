"""Agents, which are compute hosts: what they have, what of it is used, and whether they answer. All is for admins."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import peewee

from hanami_core.queue import ACTIVE, Partition, Task
from hanami_plugins import hosts
from hanami_plugins.api_backendai import DEFAULT, excluded_hosts
from hanami_plugins.backendai_admin.language import Kind
from hanami_plugins.backendai_admin.pages import Node, page_of_items
from hanami_plugins.backendai_admin.parts import GraphqlCaller, Resolver, caller_of

if TYPE_CHECKING:
    from graphql import GraphQLResolveInfo

__all__ = ["RESOLVERS"]

ALIVE, LOST = "ALIVE", "LOST"
CPU, MEMORY = "cpu", "mem"
FIELDS = {
    "id": Kind.TEXT,
    "status": Kind.TEXT,
    "scaling_group": Kind.TEXT,
    "schedulable": Kind.BOOLEAN,
    "architecture": Kind.TEXT,
    "version": Kind.TEXT,
    "mem_cur_bytes": Kind.NUMBER,
}


def agent_nodes(caller: GraphqlCaller) -> list[Node]:
    """Return all hosts in the order in which clusters are offered to them."""
    caller.access.require_admin()
    excluded, running = excluded_hosts(), _running()
    return [_node(host, running.get(host.name, 0), host.name in excluded) for host in hosts.list_hosts(caller.runtime)]


def _running() -> dict[str, int]:
    """Return how many tasks each host runs."""
    query = Task.active(Partition.host, peewee.fn.COUNT(Task.sequence))
    query = query.join(Partition, on=(Task.partition == Partition.key)).where(Task.state == ACTIVE)
    rows: Iterable[Any] = query.group_by(Partition.host).order_by().tuples()
    return {str(host): int(count) for host, count in rows}


def _node(host: hosts.ListedHost, running: int, excluded: bool) -> Node:
    told = host.description
    is_alive = told is not None and told.healthy
    used = 0 if told is None else told.memory - told.free_memory
    available = {} if told is None else _slots(told.threads, told.memory)
    occupied = {} if told is None else _slots(min(running, told.threads), used)
    stat = {} if told is None else {MEMORY: _metric(used, told.memory)}
    return {
        "id": host.name,
        "status": ALIVE if is_alive else LOST,
        "status_changed": None,
        "region": None,
        "architecture": platform.machine(),
        "scaling_group": DEFAULT,
        "schedulable": not excluded,
        "available_slots": available,
        "occupied_slots": occupied,
        "addr": None,
        "first_contact": None,
        "lost_at": None,
        "live_stat": {"node": stat, "devices": {}},
        "version": version("hanami"),
        "compute_plugins": {},
        "hardware_metadata": {},
        "cpu_cur_pct": None,
        "mem_cur_bytes": float(used),
        "compute_containers": [],
    }


def _slots(processors: int, memory: int) -> dict[str, str]:
    """Return amounts of resources as texts, which is how clients have them."""
    return {CPU: str(processors), MEMORY: str(memory)}


def _metric(current: int, capacity: int) -> dict[str, str]:
    percent = 100 * current / capacity if capacity else 0.0
    return {"current": str(current), "capacity": str(capacity), "pct": f"{percent:.2f}", "unit_hint": "bytes"}


def agent(_: object, info: GraphQLResolveInfo, agent_id: str) -> Node | None:
    """Return a host, None if there is none of that name."""
    return next((one for one in agent_nodes(caller_of(info)) if one["id"] == agent_id), None)


def agent_list(
    _: object,
    info: GraphQLResolveInfo,
    limit: int,
    offset: int,
    filter: str | None = None,
    order: str | None = None,
    status: str | None = None,
    scaling_group: str | None = None,
) -> Node:
    """Return a page of the hosts, if wanted of those with one of several statuses."""
    found = agent_nodes(caller_of(info))
    if status:
        wanted = {one.strip() for one in status.split(",")}
        found = [one for one in found if one["status"] in wanted]
    if scaling_group not in (None, DEFAULT):
        found = []
    return page_of_items(found, FIELDS, limit=limit, offset=offset, filter=filter, order=order)


RESOLVERS: dict[str, Resolver] = {"Query.agent": agent, "Query.agent_list": agent_list}
