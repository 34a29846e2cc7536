"""`hanamictl quota`.

Owns the commands for quotas, and how a limit is written. Must not know the wire, which is the SDK's.
"""

from __future__ import annotations

from hanami_cli.arguments import COMMON_OPTIONS, Arguments
from hanami_cli.connection import Connection
from hanami_cli.errors import UsageError
from hanami_cli.nouns import run_noun
from hanami_cli.sizes import size_of
from hanami_cli.views import Listing, Message, View
from hanami_sdk import quota

__all__ = ["HELP", "run"]

HELP = f"""
Quotas limit what each user and each project can have. Only admins can set quotas, and see those of others.

Usage:
    hanamictl quota show [options]
    hanamictl quota show user USER_ID [options]
    hanamictl quota show project PROJECT_ID [options]
    hanamictl quota set user USER_ID RESOURCE LIMIT [options]
    hanamictl quota set project PROJECT_ID RESOURCE LIMIT [options]
    hanamictl quota reset user USER_ID [--resource RESOURCE] [options]
    hanamictl quota reset project PROJECT_ID [--resource RESOURCE] [options]

RESOURCE is a resource that `show` lists, such as disk or clusters. LIMIT is a number, a size such as 20GB, or the word
none. Existing data stays, even if it exceeds a new limit. `reset` restores the defaults of the server.

Options:
    --resource RESOURCE    reset only the limit of this resource, not all limits
{COMMON_OPTIONS}
Examples:
    hanamictl quota show
    hanamictl quota set user ada disk 20GB
    hanamictl quota set project digits tasks none
    hanamictl quota reset user ada --resource disk
"""

FIELDS = ("kind", "id", "resource", "used", "limit", "is_default")
UNLIMITED = -1
HOLDERS = {"user": "USER_ID", "project": "PROJECT_ID"}


def run(argv: list[str]) -> int:
    """Run one command line for the noun `quota`."""
    actions = {"show": _show}
    for kind in HOLDERS:
        actions |= {f"show {kind}": _show, f"set {kind}": _set, f"reset {kind}": _reset}
    return run_noun(HELP, actions, argv)


def _show(connection: Connection, arguments: Arguments) -> View:
    return _listing(connection.ask(quota.get_quotas, *_holder(arguments)))


def _set(connection: Connection, arguments: Arguments) -> View:
    resource, limit = arguments.text("RESOURCE"), _limit(arguments.text("LIMIT"))
    return _listing(connection.ask(quota.set_quota, resource, limit, *_holder(arguments)))


def _reset(connection: Connection, arguments: Arguments) -> View:
    user, project = _holder(arguments)
    connection.call(quota.reset_quotas, arguments.optional("--resource"), user, project)
    return Message(f"the defaults count for '{user or project}' again")


def _listing(answer: dict[str, object]) -> View:
    return Listing.from_objects(answer, "quotas", FIELDS)


def _holder(arguments: Arguments) -> list[str | None]:
    """Return the ids of the user and of the project, one of which is missing."""
    return [arguments.text(name) if arguments.is_set(kind) else None for kind, name in HOLDERS.items()]


def _limit(text: str) -> int:
    if text == "none":
        return UNLIMITED
    amount = size_of(text)
    if amount is None:
        raise UsageError(f'invalid argument "{text}" for "LIMIT": not a number, a size such as 20GB, or none')
    return amount
