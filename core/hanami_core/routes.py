"""REST routes as plugins declare them. The server binds them to HTTP; a route can not exist without an action."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from hanami_core.access import Access, Action, Actor, Verb
from hanami_core.database import Record
from hanami_core.errors import PluginError

if TYPE_CHECKING:
    from hanami_core.runtime import Runtime

M = TypeVar("M", bound=Record)

METHODS = ("GET", "POST", "PUT", "DELETE")
_ACTION = re.compile(r"[a-z_]+\.[a-z_]+")
_PATH = re.compile(r"(/[A-Za-z0-9_.-]+)+")


class Empty(msgspec.Struct, forbid_unknown_fields=True):
    """A request without fields, or the answer of a delete."""


@dataclass(frozen=True)
class Call:
    """One authenticated request, as a handler sees it."""

    runtime: Runtime
    access: Access

    @property
    def actor(self) -> Actor:
        """Who asks."""
        return self.access.actor

    def get(self, model: type[M], identity: str, missing: str, verb: Verb | None = None) -> M:
        """Return one row that the actor may see; `missing` is the text of the 404 otherwise."""
        return self.access.get(model, identity, missing, verb)


Handler = Callable[[Call, Any], Any]


@dataclass(frozen=True)
class Route:
    """One method of one path.

    Args:
        method: GET, POST, PUT or DELETE.
        path: absolute path, for example ``/v1.0alpha/cluster``.
        action: ``noun.verb``; what rules refer to.
        request: struct of the fields; query fields for GET and DELETE, else the JSON body merged with the query.
        response: struct or other type of the answer, for documentation and checks.
        handler: called as ``handler(call, request)``; returns a struct, a mapping or an instance of `response`.
        roles: roles that may use the route where no policy file decides.
        anonymous: needs no login; the handler gets ``call.access`` of nobody and must not use it.
    """

    method: str
    path: str
    action: str
    request: type[msgspec.Struct]
    response: Any
    handler: Handler
    roles: tuple[str, ...] = ("admin", "member")
    anonymous: bool = False

    def __post_init__(self) -> None:
        """Refuse a route that breaks the rules."""
        rules = (
            (self.method in METHODS, f"method must be one of {', '.join(METHODS)}"),
            (bool(_PATH.fullmatch(self.path)), "path must be absolute and made of letters, digits and _ . -"),
            (bool(_ACTION.fullmatch(self.action)), "action must look like noun.verb"),
            (self._strict(), "request must be a struct that forbids unknown fields"),
            (callable(self.handler), "handler must be callable"),
        )
        for holds, message in rules:
            if not holds:
                raise PluginError(f"route {self.method} {self.path}: {message}")

    def _strict(self) -> bool:
        is_struct = isinstance(self.request, type) and issubclass(self.request, msgspec.Struct)
        return is_struct and bool(self.request.__struct_config__.forbid_unknown_fields)

    @property
    def permission(self) -> Action:
        """The action that a caller needs."""
        verb: Verb = "read" if self.method == "GET" else "write"
        return Action(self.action, self.method, self.path.lstrip("/"), verb, self.roles)


def table(header: tuple[str, ...], rows: list[list[Any]]) -> dict[str, Any]:
    """Return a list answer: ``{"header": [...], "body": [[...], ...]}``."""
    return {"header": list(header), "body": rows}


class Table(msgspec.Struct):
    """Answer of every list endpoint."""

    header: list[str]
    body: list[list[Any]]
