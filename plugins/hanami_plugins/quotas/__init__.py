"""How much each user and each project may have: bytes on the disk, datasets, clusters, checkpoints, tasks, sockets.

Defaults are settings; what an admin sets for a user or a project stands in a table. What counts as what is told by the
plugins whose resources these are (`hanami_core.admission`).
"""

from __future__ import annotations

import peewee

from hanami_core import hookimpl
from hanami_core.access import ADMINS_ONLY, Action, Actor, Rule
from hanami_core.admission import Claim, Holder
from hanami_core.events import Event, ProjectDeleted, UserDeleted
from hanami_core.http import Route
from hanami_core.runtime import Runtime
from hanami_core.settings import Setting
from hanami_plugins.quotas import routes, service
from hanami_plugins.quotas.models import Quota
from hanami_plugins.quotas.service import UNLIMITED, QuotaState, get_quotas, reset_quotas, set_quota

__all__ = ["UNLIMITED", "QuotaState", "get_quotas", "reset_quotas", "set_quota"]

requires = ("projects", "users")

DEFAULTS = {
    "disk": (
        50_000_000_000,
        200_000_000_000,
        "Bytes on the disk: tables, states, checkpoints, files, announced files",
    ),
    "datasets": (2_000, 10_000, "Datasets"),
    "clusters": (1_000, 5_000, "Clusters"),
    "checkpoints": (2_000, 10_000, "Checkpoints"),
    "folders": (1_000, 5_000, "Folders"),
    "tasks": (1_000, 5_000, "Tasks that wait or run"),
    "sockets": (256, 512, "Websockets that are open on one host"),
    "running_tasks": (UNLIMITED, UNLIMITED, "Tasks that one host runs at the same time"),
}
"""Of each resource how much a user may have, and a project, and what it is."""


@hookimpl
def hanami_settings() -> list[Setting]:
    """Declare the defaults."""
    return [
        Setting(f"quotas.{kind}_{name}", int, default, f"{text} that one {kind} may have; -1 is no limit", UNLIMITED)
        for name, (user, project, text) in DEFAULTS.items()
        for kind, default in (("user", user), ("project", project))
    ]


@hookimpl
def hanami_models() -> list[type[peewee.Model]]:
    """Add the table of limits that differ from the defaults."""
    return [Quota]


@hookimpl
def hanami_admit(runtime: Runtime, claim: Claim) -> None:
    """Refuse what exceeds a limit of the user or of the project."""
    service.admit(runtime, claim)


@hookimpl
def hanami_access_rules(actor: Actor, action: Action) -> list[Rule]:
    """Keep changes to admins, whatever else is configured."""
    changes = action.resource is None and action.name in ("quotas.set", "quotas.reset")
    return [Rule(False, ADMINS_ONLY)] if changes and not actor.is_admin else []


@hookimpl
def hanami_event(event: Event) -> None:
    """Forget the limits of what was deleted: the next one with that identifier is somebody else."""
    if isinstance(event, UserDeleted):
        service.forget(Holder("user", event.user_id))
    elif isinstance(event, ProjectDeleted):
        service.forget(Holder("project", event.project_id))


@hookimpl
def hanami_routes() -> list[Route]:
    """Add the routes of quotas."""
    return routes.routes()
