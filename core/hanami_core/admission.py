"""How much somebody may have: what features ask before they take something, and how much there is already.

Whoever is about to give a user something that is limited, such as a row, bytes on the disk or an open socket, calls
`Runtime.admit` with a `Claim` first, inside of the transaction that stores it. Plugins refuse it with the hook
``hanami_admit``. How much a holder has is told by the tables of owned records themselves: `OwnedRecord.resource` names
what their rows count as, `OwnedRecord.bytes_held` what they keep on the disk. Which limits there are is not known here.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache, reduce
from typing import Any, Literal, NamedTuple

import peewee

from hanami_core.access import Actor
from hanami_core.storage.database import OwnedRecord, proxy
from hanami_core.storage.prepared import Prepared

__all__ = ["DISK", "RUNNING", "SOCKETS", "UNCOUNTED", "Claim", "Holder", "HolderKind", "held", "resources_of"]

HolderKind = Literal["user", "project"]

DISK = "disk"
"""Bytes that are stored for somebody; what two rows refer to counts for each of them."""
SOCKETS = "sockets"
"""Open websockets; no database knows them, so a claim tells how many there are."""
RUNNING = "running_tasks"
"""Tasks that one host runs at the same time, which share its processors; a claim tells how many there are."""
UNCOUNTED = (SOCKETS, RUNNING)
"""What only the process knows that has it."""


class Holder(NamedTuple):
    """A user, or a project with everything its members have in it."""

    kind: HolderKind
    id: str

    def owns(self, model: type[OwnedRecord]) -> peewee.Expression:
        """Return the condition that rows of a model are the holder's."""
        column = model.owner_id if self.kind == "user" else model.project_id
        condition: peewee.Expression = column == self.id
        return condition


@dataclass(frozen=True)
class Claim:
    """What a user is about to get in a project.

    Attributes:
        owner_id: the user.
        project_id: the project.
        resource: what, such as ``datasets``, or `DISK`.
        amount: how much more of it; 0 checks whether the limit is already exceeded.
        has: how much the user and the project have, by kind of holder, if it is not in the database.
    """

    owner_id: str
    project_id: str
    resource: str
    amount: int = 1
    has: Mapping[HolderKind, int] | None = None

    @classmethod
    def of(cls, actor: Actor, resource: str, amount: int = 1) -> Claim:
        """Return the claim of an actor."""
        return cls(actor.user_id, actor.project_id, resource, amount)

    @property
    def holders(self) -> tuple[Holder, Holder]:
        """The holders whose limits apply."""
        return Holder("user", self.owner_id), Holder("project", self.project_id)


def resources_of(models: Iterable[type[peewee.Model]]) -> list[str]:
    """Return the names of everything that can be limited, in a fixed order."""
    counted = {model.resource for model in _owned(models) if model.resource}
    return [DISK, *sorted(counted), *UNCOUNTED]


def held(models: Iterable[type[peewee.Model]], holder: Holder, resource: str) -> int:
    """Return how much of a resource somebody has, as far as the database knows."""
    owned = _owned(models)
    if resource == DISK:
        at_once, others = _bytes_of(tuple(owned), holder.kind)
        found = at_once.tuples(holder.id) if at_once is not None else [(0,)]
        return int(found[0][0]) + sum(model.bytes_held(holder.owns(model)) for model in others)
    return sum(model.count_held(holder.owns(model)) for model in owned if model.resource == resource)


@lru_cache(maxsize=64)
def _bytes_of(
    owned: tuple[type[OwnedRecord], ...], kind: HolderKind
) -> tuple[Prepared[Any] | None, list[type[OwnedRecord]]]:
    """Return a query of the bytes that models tell of by `bytes_query`, and the models that tell otherwise."""
    usual = OwnedRecord.bytes_held.__func__  # type: ignore[attr-defined]
    others = [model for model in owned if model.bytes_held.__func__ is not usual]  # type: ignore[attr-defined]

    def sizes(holder_id: str) -> list[peewee.Function]:
        holder = Holder(kind, holder_id)
        parts = (model.bytes_query(holder.owns(model)) for model in owned if model not in others)
        return [peewee.fn.COALESCE(part, 0) for part in parts if part is not None]

    def query(holder_id: str) -> Any:
        return peewee.Select(columns=[reduce(operator.add, sizes(holder_id))]).bind(proxy.obj)

    return Prepared(query) if sizes("") else None, others


def _owned(models: Iterable[type[peewee.Model]]) -> list[type[OwnedRecord]]:
    return [model for model in models if issubclass(model, OwnedRecord)]
