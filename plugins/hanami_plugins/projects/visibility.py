"""Which rows an actor may read and write.

=================  =====================================  ============
actor              reads                                  writes
=================  =====================================  ============
global admin       everything                             everything
project admin      the rows of the current project        the same
others             own rows in the current project        the same
everybody          `shared` rows of the current project,  nothing more
                   `public` rows
=================  =====================================  ============
"""

from __future__ import annotations

from typing import Any

import peewee

from hanami_core.access import Actor, Rule, Verb
from hanami_core.storage.database import OwnedRecord, Record
from hanami_plugins.projects.models import Project

SHARED, PUBLIC = "shared", "public"
_EVERYTHING = peewee.SQL("1 = 1")


def rules(actor: Actor, model: type[Record], verb: Verb) -> list[Rule]:
    """Return what the actor may do with rows of `model`; nothing about models that other plugins rule."""
    if issubclass(model, OwnedRecord):
        return [Rule(True, reason, where) for reason, where in _owned(actor, model, verb)]
    if model is Project and actor.is_admin:
        return [Rule(True, "global admin", _EVERYTHING)]
    return []


def _owned(actor: Actor, model: type[OwnedRecord], verb: Verb) -> list[tuple[str, Any]]:
    if actor.is_admin:
        return [("global admin", _EVERYTHING)]
    here = model.project_id == actor.project_id
    mine = here if actor.is_project_admin else here & (model.owner_id == actor.user_id)
    found = [("project admin" if actor.is_project_admin else "owner", mine)]
    if verb == "read":
        found += [("shared", here & (model.visibility == SHARED)), ("public", model.visibility == PUBLIC)]
    return found
