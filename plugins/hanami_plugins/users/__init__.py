"""Users: who they are, how they prove it, and in which projects they play which role.

Other plugins ask through the names exported here. Projects themselves, tokens and the rules of resources are theirs.
"""

from __future__ import annotations

import peewee

from hanami_core import hookimpl
from hanami_core.access import Action, Actor, Rule
from hanami_core.http.routes import Route
from hanami_core.runtime import Runtime
from hanami_core.settings import Setting
from hanami_plugins.users import routes
from hanami_plugins.users.models import Membership, User
from hanami_plugins.users.passphrases import passphrases
from hanami_plugins.users.secret import ChangedSecretFields, SecretFields
from hanami_plugins.users.service import (
    MISSING,
    MembershipAnswer,
    UserAnswer,
    count_owned,
    create_first_admin,
    create_user,
    find_user,
    has_admin,
    membership_answers,
    memberships,
    set_passphrase,
    user_answer,
    verify,
)

__all__ = [
    "MISSING",
    "ChangedSecretFields",
    "Membership",
    "MembershipAnswer",
    "SecretFields",
    "User",
    "UserAnswer",
    "count_owned",
    "create_user",
    "find_user",
    "membership_answers",
    "memberships",
    "set_passphrase",
    "user_answer",
    "verify",
]

essential = True


@hookimpl
def hanami_settings() -> list[Setting]:
    """Declare what a passphrase hash costs."""
    return [
        Setting("users.argon2_time", int, 3, "Rounds of a passphrase hash", 1, 100),
        Setting("users.argon2_memory", int, 65536, "Memory of a passphrase hash in KiB", 1024, 4194304),
    ]


@hookimpl
def hanami_startup(runtime: Runtime) -> None:
    """Set what passphrase hashes of this process cost."""
    passphrases.configure(runtime.settings["users.argon2_time"], runtime.settings["users.argon2_memory"])


@hookimpl
def hanami_models() -> list[type[peewee.Model]]:
    """Add the tables of users and memberships."""
    return [User, Membership]


@hookimpl
def hanami_rules(actor: Actor, action: Action) -> list[Rule]:
    """Keep users to admins, whatever else is configured."""
    if action.resource is User:
        return [Rule(actor.is_admin, "", peewee.SQL("1 = 1"))]
    if action.resource is None and action.name.startswith("users.") and not actor.is_admin:
        return [Rule(False)]
    return []


@hookimpl
def hanami_admin(first: tuple[str, str, str] | None) -> bool:
    """Tell whether there is an admin, and create the first one."""
    return has_admin() if first is None else create_first_admin(*first)


@hookimpl
def hanami_routes() -> list[Route]:
    """Add the routes of users."""
    return routes.routes()
