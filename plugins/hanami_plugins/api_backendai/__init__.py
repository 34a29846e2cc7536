"""Backend.AI 22.03: the prefix ``/backendai``, for its released client and command line.

Users, projects, key pairs, compute hosts and logs are those of the installation, by the services that their plugins
publish: the domain is the installation, a group is a project. Keeps logins by cookie, signatures that were used, and
what admins tell the manager.
"""

from __future__ import annotations

import peewee

from hanami_core import hookimpl
from hanami_core.compute.placement import PlacementRequest
from hanami_core.events import Event, UserDeleted
from hanami_core.http import Api, Route
from hanami_core.identity import Authenticator
from hanami_core.runtime import Runtime
from hanami_core.schedules import Schedule
from hanami_core.settings import Setting
from hanami_core.storage.database import RecordGuard
from hanami_plugins.api_backendai import accounts, manager, notes, schemes, site, web_sessions
from hanami_plugins.api_backendai.api import NAME, PREFIX, BackendApi, CookiePrefix, route
from hanami_plugins.api_backendai.identifiers import DEFAULT, group_uuid, user_uuid
from hanami_plugins.api_backendai.models import ManagerNote, UsedSignature, WebSession
from hanami_plugins.api_backendai.notes import excluded_hosts, refuse_if_frozen
from hanami_plugins.api_backendai.owners import (
    access_in_group,
    group_of,
    hold_user,
    lasting_mark,
    owner_access,
    owner_of_key,
    require_domain,
)
from hanami_plugins.api_backendai.problems import INVALID, Problem
from hanami_plugins.api_backendai.schemes import ACCESS_KEY

__all__ = [
    "ACCESS_KEY",
    "DEFAULT",
    "INVALID",
    "NAME",
    "PREFIX",
    "BackendApi",
    "Problem",
    "access_in_group",
    "excluded_hosts",
    "group_of",
    "group_uuid",
    "hold_user",
    "lasting_mark",
    "owner_access",
    "owner_of_key",
    "refuse_if_frozen",
    "require_domain",
    "route",
    "user_uuid",
]

requires = ("api_v1_0alpha", "auth_jwt", "hosts", "keypairs", "logs", "projects", "users")

CLEANING_SECONDS = 300.0


@hookimpl
def hanami_settings() -> list[Setting]:
    """Declare how long a login by cookie lasts."""
    return [Setting(web_sessions.SECONDS, int, 604_800, "Seconds for which a login by cookie lasts", 60)]


@hookimpl
def hanami_models() -> list[type[peewee.Model]]:
    """Add the tables."""
    return [WebSession, UsedSignature, ManagerNote]


@hookimpl
def hanami_authenticators(runtime: Runtime) -> list[Authenticator]:
    """Add signatures and cookies."""
    return [schemes.SignatureScheme(runtime), schemes.CookieScheme(runtime)]


@hookimpl
def hanami_record_guards() -> list[RecordGuard]:
    """Let nothing be added while the server is frozen."""
    return [RecordGuard("api_backendai.frozen", notes.refuse_record)]


@hookimpl
def hanami_placement(request: PlacementRequest) -> str | None:
    """Keep new clusters from hosts that an admin has excluded, if another one can have them."""
    excluded = excluded_hosts()
    allowed = [host.name for host in request.possible if host.name not in excluded]
    return min(allowed, key=lambda name: request.loads[name]) if excluded and allowed else None


@hookimpl
def hanami_schedules() -> list[Schedule]:
    """Remove logins and signatures that have expired."""
    return [
        Schedule("api_backendai.logins", CLEANING_SECONDS, web_sessions.forget_expired),
        Schedule("api_backendai.signatures", CLEANING_SECONDS, schemes.forget_signatures),
    ]


@hookimpl
def hanami_event(event: Event) -> None:
    """End the logins of a user who is deleted."""
    if isinstance(event, UserDeleted):
        web_sessions.end_all_of(event.user_id)


@hookimpl
def hanami_apis(runtime: Runtime) -> list[Api]:
    """Add the API, and the prefix where cookies count."""
    api = BackendApi(runtime, manager.gate)
    return [api, CookiePrefix(api)]


@hookimpl
def hanami_routes() -> list[Route]:
    """Add the routes."""
    return [one for module in (accounts, manager, site) for one in module.routes()]
