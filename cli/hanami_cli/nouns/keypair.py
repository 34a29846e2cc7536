"""`hanamictl keypair`.

Owns the commands for key pairs. Must not know the wire, which is the SDK's.
"""

from __future__ import annotations

from hanami_cli.arguments import COMMON_OPTIONS, Arguments
from hanami_cli.connection import Connection
from hanami_cli.nouns import run_noun
from hanami_cli.views import Listing, Message, Record, View
from hanami_sdk import keypair

__all__ = ["HELP", "run"]

HELP = f"""
Key pairs sign the requests of programs: an access key, which they send, and a secret key, which they do not.

Usage:
    hanamictl keypair create [--description TEXT] [--user USER_ID] [--in-project PROJECT_ID] [options]
    hanamictl keypair list [options]
    hanamictl keypair get ACCESS_KEY [options]
    hanamictl keypair delete ACCESS_KEY [options]
    hanamictl keypair activate ACCESS_KEY [options]
    hanamictl keypair deactivate ACCESS_KEY [options]

`create` shows the secret key, which is never shown again. Requests that are signed with a pair stand for its user, in
one project. A pair that is not active identifies nobody until it is activated. Admins see and manage the pairs of all
users.

Options:
    --description TEXT       what the pair is for
    --user USER_ID           id of the user whom the pair is for (admins only)
    --in-project PROJECT_ID  project that its requests work in, instead of the user's default project
{COMMON_OPTIONS}
Examples:
    hanamictl keypair create --description "nightly builds"
    hanamictl keypair create -j
    hanamictl keypair deactivate AKIAIOSFODNN7EXAMPLE
"""

FIELDS = ("access_key", "owner_id", "project_id", "is_active", "last_used_at", "description", "created_at")
NEW_FIELDS = ("access_key", "secret_key", *FIELDS[1:])


def run(argv: list[str]) -> int:
    """Run one command line for the noun `keypair`."""
    actions = {
        "create": _create,
        "list": _list,
        "get": _get,
        "delete": _delete,
        "activate": _activate,
        "deactivate": _deactivate,
    }
    return run_noun(HELP, actions, argv)


def _create(connection: Connection, arguments: Arguments) -> View:
    given = [arguments.optional(name) for name in ("--description", "--user", "--in-project")]
    return Record(connection.ask(keypair.create_keypair, *given), NEW_FIELDS)


def _list(connection: Connection, _: Arguments) -> View:
    return Listing.from_answer(connection.ask(keypair.list_keypairs), FIELDS)


def _get(connection: Connection, arguments: Arguments) -> View:
    return Record(connection.ask(keypair.get_keypair, arguments.text("ACCESS_KEY")), FIELDS)


def _delete(connection: Connection, arguments: Arguments) -> View:
    access_key = arguments.text("ACCESS_KEY")
    connection.call(keypair.delete_keypair, access_key)
    return Message(f"successfully deleted keypair '{access_key}'")


def _activate(connection: Connection, arguments: Arguments) -> View:
    return Record(connection.ask(keypair.activate_keypair, arguments.text("ACCESS_KEY")), FIELDS)


def _deactivate(connection: Connection, arguments: Arguments) -> View:
    return Record(connection.ask(keypair.deactivate_keypair, arguments.text("ACCESS_KEY")), FIELDS)
