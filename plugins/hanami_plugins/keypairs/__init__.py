"""Key pairs: an access key and a secret key that identify a user to APIs whose requests are signed.

Authenticators of other plugins ask `credential` for the secret key behind an access key, compare the signature, and ask
the principal who it is. How requests are signed is not known here.
"""

from __future__ import annotations

import peewee

from hanami_core import hookimpl
from hanami_core.access import Action, Actor, Rule
from hanami_core.checks import Check
from hanami_core.errors import StartupError
from hanami_core.events import Event, ProjectDeleted, UserDeleted
from hanami_core.http import Route
from hanami_core.keys import secret_key
from hanami_core.runtime import Runtime
from hanami_core.settings import Setting
from hanami_plugins.keypairs import checks, routes, service
from hanami_plugins.keypairs.credentials import (
    SECRETS,
    Credential,
    KeyPairPrincipal,
    Secrets,
    credential,
    record_use,
)
from hanami_plugins.keypairs.models import KeyPair
from hanami_plugins.keypairs.service import (
    NewKeyPair,
    activate_keypair,
    create_keypair,
    deactivate_keypair,
    delete_keypair,
    get_keypair,
    list_keypairs,
)
from hanami_plugins.keypairs.usage import USAGE, Usage
from hanami_plugins.keypairs.vault import KEY_NAME, VAULT, Vault

__all__ = [
    "Credential",
    "KeyPair",
    "KeyPairPrincipal",
    "NewKeyPair",
    "Vault",
    "activate_keypair",
    "create_keypair",
    "credential",
    "deactivate_keypair",
    "delete_keypair",
    "get_keypair",
    "list_keypairs",
    "record_use",
]

requires = ("users",)


@hookimpl
def hanami_settings() -> list[Setting]:
    """Declare how many pairs a user may have."""
    return [Setting("keypairs.limit", int, 10, "Key pairs that one user may have", 0)]


@hookimpl
def hanami_models() -> list[type[peewee.Model]]:
    """Add the table of key pairs."""
    return [KeyPair]


@hookimpl
def hanami_startup(runtime: Runtime) -> None:
    """Read the key that secret keys are encrypted with, and create it if this process prepares the others.

    Raises:
        StartupError: if there is no usable key, or it was lost: a new one would open none of the pairs that are there.
    """
    file = runtime.settings.data_dir / f"{KEY_NAME}.key"
    if not file.exists() and (count := _encrypted(runtime)):
        raise StartupError(f"{file} is missing, but secret keys ({count}) are encrypted with it; put it back")
    vault = Vault(secret_key(runtime, KEY_NAME), KEY_NAME)
    runtime.stash[VAULT], runtime.stash[SECRETS], runtime.stash[USAGE] = vault, Secrets(vault), Usage(runtime)


def _encrypted(runtime: Runtime) -> int:
    """Return how many secret keys are stored; whoever only looks may find no table yet."""
    is_there = KeyPair._meta.table_name in runtime.database.driver.get_tables()
    return KeyPair.active().count() if is_there else 0


@hookimpl
def hanami_shutdown(runtime: Runtime) -> None:
    """Store when pairs were used."""
    if USAGE in runtime.stash:
        runtime.stash[USAGE].close()


@hookimpl
def hanami_access_rules(actor: Actor, action: Action) -> list[Rule]:
    """Let users manage their own pairs, and global admins all."""
    if action.resource is not KeyPair:
        return []
    return [Rule(True, "", peewee.SQL("1 = 1") if actor.is_admin else KeyPair.owner_id == actor.user_id)]


@hookimpl
def hanami_event(runtime: Runtime, event: Event) -> None:
    """Remove the pairs of what was deleted: the next user or project with that id is another one."""
    if isinstance(event, UserDeleted):
        service.forget_user(runtime, event)
    elif isinstance(event, ProjectDeleted):
        service.forget_project(event)


@hookimpl
def hanami_checks(runtime: Runtime) -> list[Check]:
    """Look for pairs that cannot be used any more."""
    return [
        Check("secrets of key pairs", lambda: checks.unreadable(runtime)),
        Check("users of key pairs", lambda: checks.leftovers(runtime)),
    ]


@hookimpl
def hanami_routes(runtime: Runtime) -> list[Route]:
    """Add the routes of key pairs."""
    return routes.routes(runtime.stash[VAULT])
