"""What all mutations have in common: they answer ``ok`` and ``msg``, and never claim what was not done."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

from hanami_core.errors import Conflict, PluginError, VisibleError
from hanami_plugins.backendai_admin.pages import Node
from hanami_plugins.backendai_admin.parts import GraphqlCaller, Resolver, caller_of

if TYPE_CHECKING:
    from graphql import GraphQLResolveInfo

__all__ = ["mutation", "refusal"]


def mutation(change: Callable[..., Node | None]) -> Resolver:
    """Return the resolver of a mutation that calls ``change(caller, **arguments)``.

    What `change` returns are fields of the answer besides ``ok`` and ``msg``. An error that is meant for the caller,
    a missing permission too, becomes ``ok: false`` with its text.
    """

    @wraps(change)
    def resolve(_source: object, info: GraphQLResolveInfo, **arguments: Any) -> Node:
        caller = caller_of(info)
        if caller.access.action.verb != "write":
            raise PluginError("a mutation was called without the permission to write")
        try:
            made = change(caller, **arguments)
        except VisibleError as error:
            return {"ok": False, "msg": caller.sentence(error)}
        return {"ok": True, "msg": "", **(made or {})}

    return resolve


def refusal(code: str) -> Resolver:
    """Return the resolver of a mutation of something that is as it is on this server."""

    @mutation
    def refuse(caller: GraphqlCaller, **_: object) -> None:
        raise Conflict(code)

    return refuse
