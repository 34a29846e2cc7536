"""Users: who they are, how they prove it, and in which projects they play which role.

Other plugins ask through the names exported here: services, and in `native` the shapes that native routes share.
Projects themselves, tokens and the rules of resources are theirs.
"""

from __future__ import annotations

import os

import peewee

from hanami_core import hookimpl
from hanami_core.access import ADMINS_ONLY, Action, Actor, Rule
from hanami_core.http import Route
from hanami_core.localsocket import run_directory
from hanami_core.runtime import Runtime
from hanami_core.settings import Setting
from hanami_core.stash import StashKey
from hanami_core.storage.database import RecordGuard
from hanami_plugins.users import native, routes
from hanami_plugins.users.accounts import (
    ADMIN_PROJECT,
    all_memberships,
    effective_memberships,
    find_user,
    memberships,
    require_user,
)
from hanami_plugins.users.buckets import SharedBuckets
from hanami_plugins.users.directory import UserDirectory
from hanami_plugins.users.models import Membership, User, user_uuid
from hanami_plugins.users.passphrases import CONCURRENT_HASHES, passphrases
from hanami_plugins.users.service import (
    change_passphrase,
    count_owned,
    create_user,
    delete_user,
    get_user,
    list_users,
    set_passphrase,
)
from hanami_plugins.users.throttle import Throttle
from hanami_plugins.users.turns import Turns

__all__ = [
    "ADMIN_PROJECT",
    "Membership",
    "User",
    "all_memberships",
    "change_passphrase",
    "count_owned",
    "create_user",
    "delete_user",
    "effective_memberships",
    "find_user",
    "get_user",
    "list_users",
    "memberships",
    "native",
    "set_passphrase",
    "user_uuid",
]

essential = True

DIRECTORY: StashKey[UserDirectory] = StashKey("users.directory")


@hookimpl
def hanami_settings() -> list[Setting]:
    """Declare what a passphrase hash costs, and how often a login may fail."""
    return [
        Setting("users.argon2_time", int, 3, "Rounds for hashing a passphrase", 1, 100),
        Setting("users.argon2_memory", int, 65536, "Memory for hashing a passphrase, in KiB", 1024, 4194304),
        Setting("users.attempts", int, 60, "Failed logins per minute for one user", 1),
        Setting("users.address_attempts", int, 120, "Failed logins per minute from one address", 1),
    ]


@hookimpl
def hanami_startup(runtime: Runtime) -> None:
    """Set what passphrase hashes of this process cost, and how often a login may fail."""
    settings = runtime.settings
    passphrases.configure(settings["users.argon2_time"], settings["users.argon2_memory"])
    # Several processes make one hash each, because there are as many as cores. Together with those that wait, hashes
    # leave half of the threads to the requests of others, and half of the cores.
    concurrent = CONCURRENT_HASHES if settings["http.workers"] == 1 else 1
    run = run_directory(settings.data_dir)
    turns = Turns(run / "hashes", max(1, len(os.sched_getaffinity(0)) // 2))
    passphrases.limit(concurrent, most=settings["http.threads"] // 2, turns=turns)
    buckets = SharedBuckets(runtime.clock, run / "logins")
    throttle = Throttle(buckets, settings["users.attempts"], settings["users.address_attempts"])
    runtime.stash[DIRECTORY] = UserDirectory(throttle)


@hookimpl
def hanami_shutdown(runtime: Runtime) -> None:
    """End the threads that make hashes."""
    passphrases.close()


@hookimpl
def hanami_models() -> list[type[peewee.Model]]:
    """Add the tables of users and memberships."""
    return [User, Membership]


@hookimpl
def hanami_record_guards() -> list[RecordGuard]:
    """Keep deleted users from getting further resources, which would wait for the next user of the name."""
    return [RecordGuard("users", require_user)]


@hookimpl
def hanami_access_rules(actor: Actor, action: Action) -> list[Rule]:
    """Keep users to admins, whatever else is configured."""
    if action.resource is User:
        return [Rule(actor.is_admin, "", peewee.SQL("1 = 1"))]
    if action.resource is None and action.name.startswith("users.") and not actor.is_admin:
        return [Rule(False, ADMINS_ONLY)]
    return []


@hookimpl
def hanami_identity(runtime: Runtime) -> UserDirectory:
    """Provide the directory of users."""
    return runtime.stash[DIRECTORY]


@hookimpl
def hanami_routes() -> list[Route]:
    """Add the routes of users."""
    return routes.routes()
