"""Who may do what: actors, actions, rules, and the queries that rules become.

"May I touch this row" and "list the rows that I may see" are the same query, because a rule about rows is a peewee
expression. Plugins supply rules with the hook ``hanami_access_rules``; this module only combines them:

* an action is allowed if at least one rule allows it and none denies it;
* a row is visible if at least one rule's `where` matches it and no denying rule's `where` does;
* what no rule mentions is denied.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import peewee

from hanami_core.errors import Forbidden, NotFound
from hanami_core.storage.database import OwnedRecord, Record
from hanami_core.storage.prepared import first_active

if TYPE_CHECKING:
    from hanami_core.identity import Principal

M = TypeVar("M", bound=Record)
Verb = Literal["read", "write"]

ACCESS_DENIED = "access_denied"
ADMINS_ONLY = "admins_only"
ANY_ROLE = "*"
"""Among the roles of an action, it means every role, even one that only a policy knows."""


@dataclass(frozen=True)
class Actor:
    """An authenticated user in one project.

    `scheme` names the authenticator that recognised the credential; `attributes` are what else it knows, such as the
    generation of a token. `principal` is whom the credential was issued for, if it names a user and a membership;
    anything that outlives a request can use it to look up the actor again.
    """

    user_id: str
    name: str
    project_id: str
    role: str
    is_admin: bool = False
    is_project_admin: bool = False
    scheme: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict, hash=False)
    principal: Principal | None = field(default=None, compare=False, repr=False)


_acting: ContextVar[Actor | None] = ContextVar("acting", default=None)


@contextmanager
def acting(actor: Actor | None) -> Iterator[None]:
    """Let `owner_at_work` know who makes the call that the block answers, None for somebody who is not known."""
    token = _acting.set(actor)
    try:
        yield
    finally:
        _acting.reset(token)


def owner_at_work(record: OwnedRecord) -> Actor | None:
    """Return whoever makes the call that is being answered, if it adds a resource of their own."""
    actor = _acting.get()
    owner = actor is not None and (actor.user_id, actor.project_id) == (record.owner_id, record.project_id)
    return actor if owner else None


@dataclass(frozen=True)
class Action:
    """What an actor wants to do.

    ``name`` is ``noun.verb``, empty for an endpoint that no route serves; ``endpoint`` and ``method`` are the names in
    policy files. Policy files cannot list an empty ``endpoint``, so ``roles`` decide about it. ``roles`` are those that
    the route suggests; ``resource`` is the model whose rows are concerned, or None for the action itself. ``api`` is
    the Api that named the endpoint, empty if none did.
    """

    name: str
    method: str
    endpoint: str
    verb: Verb
    roles: tuple[str, ...]
    resource: type[Record] | None = None
    api: str = ""


@dataclass(frozen=True)
class Rule:
    """One decision of a plugin. Without `where` it is about the action, with `where` about rows of `Action.resource`.

    `reason` is the error code of a denial.
    """

    allow: bool
    reason: str = ""
    where: Any = None


RuleSource = Callable[[Actor, Action], Iterable[Rule]]


class Access:
    """What one actor may do in one request. The plugins are called only once for each question."""

    def __init__(self, actor: Actor, action: Action, rules: RuleSource) -> None:
        """Remember who asks; nothing is decided before it is asked."""
        self.actor = actor
        self.action = action
        self._source = rules
        self._known: dict[tuple[type[Record] | None, Verb], tuple[Rule, ...]] = {}

    def require(self) -> None:
        """Raise `Forbidden` unless the action itself is allowed.

        If there are several reasons, that of the policy counts, otherwise the first one.
        """
        rules = [rule for rule in self._rules(self.action) if rule.where is None]
        denied = [rule.reason for rule in rules if not rule.allow]
        if denied:
            raise Forbidden(ACCESS_DENIED if ACCESS_DENIED in denied else denied[0])
        if not any(rule.allow for rule in rules):
            raise Forbidden(ACCESS_DENIED)

    def require_admin(self, code: str = ADMINS_ONLY) -> None:
        """Raise `Forbidden` with a code unless the actor is a global admin, whatever the rules say."""
        if not self.actor.is_admin:
            raise Forbidden(code)

    def visible(self, model: type[M], verb: Verb | None = None, *, deleted: bool = False) -> peewee.ModelSelect[M]:
        """Select the active rows of `model` that the actor may read or write, oldest first.

        With `deleted`, deleted rows are included, for clients that follow changes.
        """
        rows = model.select().order_by(model.sequence) if deleted else model.active()
        return rows.where(*self._conditions(model, verb))

    def _conditions(self, model: type[Record], verb: Verb | None) -> list[Any]:
        """Return what the rows of `model` that the actor may read or write have in common."""
        action = replace(self.action, resource=model, verb=verb or self.action.verb)
        rules = [rule for rule in self._rules(action) if rule.where is not None]
        allowed = _any_of([rule.where for rule in rules if rule.allow])
        return [allowed, *(~rule.where for rule in rules if not rule.allow)]

    def get(self, model: type[M], identity: str, missing: str, verb: Verb | None = None) -> M:
        """Return one visible row, or raise `NotFound` with the code `missing` and the identity under its own name."""
        column = getattr(model, model.identity)
        wanted = identity.lower() if issubclass(model, OwnedRecord) else identity
        row = first_active(model, [*self._conditions(model, verb), column == wanted])
        if row is None:
            raise NotFound(missing, **{model.identity: identity})
        return row

    def _rules(self, action: Action) -> tuple[Rule, ...]:
        key = action.resource, action.verb
        if key not in self._known:
            self._known[key] = tuple(self._source(self.actor, action))
        return self._known[key]


def _any_of(conditions: Sequence[object]) -> object:
    return reduce(or_, conditions) if conditions else peewee.SQL("0 = 1")
