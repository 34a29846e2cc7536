"""Ends open tasks whose owners may not have them any more.

Who queues a task was allowed to at that moment. Until it ends, its owner may be deleted, leave the project, be refused
by a policy, or no longer see what the task is about. One process looks at all open tasks every second and asks what was
asked then. Must not know kinds nor plugins.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import msgspec

from hanami_core.access import Access, Action, Actor
from hanami_core.errors import ClientError
from hanami_core.identity import Principal
from hanami_core.queue.models import OPEN, Task
from hanami_core.schedules import Schedule
from hanami_core.storage.database import atomic

if TYPE_CHECKING:
    from hanami_core.queue.kinds import TaskKind
    from hanami_core.runtime import Runtime

__all__ = ["WITHDRAWALS", "caller_of", "withdraw"]

REASON = "its owner may not do this any more"
SECONDS = 1.0
_UNNAMED = Action("", "", "", "write", ())

log = logging.getLogger("hanami.queue")


class Caller(msgspec.Struct, frozen=True):
    """Who queued a task, and what the call was to policies."""

    principal: Principal
    scheme: str = ""
    attributes: dict[str, str] = {}
    method: str = ""
    endpoint: str = ""


def caller_of(actor: Actor, action: Action | None) -> str:
    """Return what a task keeps of who queues it; empty if nobody can tell later who that is."""
    if actor.principal is None:
        return ""
    called = ("", "") if action is None else (action.method, action.endpoint)
    caller = Caller(actor.principal, actor.scheme, dict(actor.attributes), *called)
    return msgspec.json.encode(caller, order="sorted").decode()


def withdraw(runtime: Runtime) -> None:
    """Look at all open tasks once. Tasks of which it cannot be told stay, and the first reason for that is raised."""
    unknown: list[Exception] = []
    for text, partitions in _open().items():
        try:
            caller = msgspec.json.decode(text, type=Caller)
            access = _access(runtime, caller)
            for name, keys in partitions.items():
                for key in sorted(_lost(runtime.queue.kind(name), access, keys)):
                    _end(runtime, text, name, key)
        except Exception as error:
            unknown.append(error)
    if unknown:
        raise unknown[0]


WITHDRAWALS = Schedule("queue.withdraw", SECONDS, withdraw)


def _open() -> dict[str, dict[str, list[str]]]:
    """Return the partitions of open tasks, by who queued them and kind."""
    query: Any = Task.select(Task.caller, Task.kind, Task.partition).where(Task.state.in_(OPEN) & (Task.caller != ""))
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for caller, kind, partition in query.distinct().tuples():
        found[caller][kind].append(partition)
    return found


def _access(runtime: Runtime, caller: Caller) -> Access | None:
    """Return what somebody may do now, or None if not even what was done."""
    found = runtime.routes.called(caller.method, caller.endpoint) if caller.endpoint else None
    try:
        actor = caller.principal.actor(runtime.identity, caller.scheme, caller.attributes, any_secret=True)
        access = Access(actor, _UNNAMED if found is None else found.action, runtime.plugins.strict_access_rules)
        if found is not None:
            access.require()
    except ClientError:
        return None
    return access


def _lost(kind: TaskKind, access: Access | None, partitions: Collection[str]) -> Collection[str]:
    if kind.survives_owner:
        return ()
    if access is None:
        return partitions
    return () if kind.permitted is None else set(partitions) - set(kind.permitted(access, partitions))


def _end(runtime: Runtime, caller: str, kind: str, partition: str) -> None:
    with atomic():
        tasks = runtime.queue.open_tasks(partition)
        uuids = [str(task.uuid) for task in tasks if task.caller == caller and task.kind == kind]
        runtime.queue.abort(partition, uuids, REASON)
    log.warning("tasks are withdrawn", extra={"partition": partition, "kind": kind, "tasks": uuids})
