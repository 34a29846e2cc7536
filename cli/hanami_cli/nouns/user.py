"""`hanamictl user`.

Owns the commands for users and for their membership in projects. Must not know the wire, which is the SDK's.
"""

from __future__ import annotations

from functools import partial

from hanami_cli.arguments import COMMON_OPTIONS, Arguments
from hanami_cli.connection import Connection
from hanami_cli.files import read_secret
from hanami_cli.nouns import run_noun
from hanami_cli.prompts import new_passphrase
from hanami_cli.views import Listing, Message, Record, View
from hanami_sdk import user

__all__ = ["HELP", "run"]

HELP = f"""
Users and their project memberships. Only admins can manage other users.

Usage:
    hanamictl user create USER_ID -n NAME [-p PASSPHRASE | --passphrase-file PATH] [--is_admin] [options]
    hanamictl user get USER_ID [options]
    hanamictl user list [options]
    hanamictl user delete USER_ID [options]
    hanamictl user passphrase [--user USER_ID] [-p PASSPHRASE | --passphrase-file PATH] [options]
    hanamictl user project add USER_ID PROJECT_ID [--role ROLE] [--is_project_admin] [options]
    hanamictl user project remove USER_ID PROJECT_ID [options]
    hanamictl user project list [--user USER_ID] [options]

`user passphrase` changes a passphrase, which invalidates all tokens of the user. Without --user, it changes your own,
and `user project list` shows your own projects.

Options:
    -n NAME, --name NAME      display name, may contain spaces
    -p PASSPHRASE, --password PASSPHRASE, --passphrase PASSPHRASE
                              passphrase, for scripts; without it you are prompted, which keeps the passphrase
                              out of the shell history and the process list
    --passphrase-file PATH    file with the passphrase in its first line; - reads standard input
    --user USER_ID            id of another user (admins only)
    --is_admin                the user can manage users and projects, and see everything
    --role ROLE               role, as defined by the server's policy [default: member]
    --is_project_admin        the user sees everything that members of the project own
{COMMON_OPTIONS}
Examples:
    hanamictl user create -n "Ada Lovelace" ada
    hanamictl user project add ada digits --role member
    hanamictl user get ada -j
    hanamictl user passphrase
"""

FIELDS = ("id", "name", "is_admin", "projects", "creator_id", "created_at")
MEMBERSHIP_FIELDS = ("project_id", "role", "is_project_admin")


def run(argv: list[str]) -> int:
    """Run one command line for the noun `user`."""
    actions = {
        "create": _create,
        "get": _get,
        "list": _list,
        "delete": _delete,
        "passphrase": _passphrase,
        "project add": _add_project,
        "project remove": _remove_project,
        "project list": _list_projects,
    }
    return run_noun(HELP, actions, argv)


def _create(connection: Connection, arguments: Arguments) -> View:
    passphrase = _new_passphrase(arguments)
    user_id, name, is_admin = arguments.text("USER_ID"), arguments.text("--name"), arguments.is_set("--is_admin")
    return Record(connection.ask(user.create_user, user_id, name, passphrase, is_admin), FIELDS)


def _get(connection: Connection, arguments: Arguments) -> View:
    return Record(connection.ask(user.get_user, arguments.text("USER_ID")), FIELDS)


def _list(connection: Connection, _: Arguments) -> View:
    return Listing.from_answer(connection.ask(user.list_users), FIELDS)


def _delete(connection: Connection, arguments: Arguments) -> View:
    user_id = arguments.text("USER_ID")
    connection.call(user.delete_user, user_id)
    return Message(f"successfully deleted user '{user_id}'")


def _passphrase(connection: Connection, arguments: Arguments) -> View:
    passphrase, user_id = _new_passphrase(arguments), arguments.optional("--user") or connection.user
    with connection.client() as client:
        client.change_passphrase(passphrase, None if user_id == connection.user else user_id)
    return Message(f"successfully changed the passphrase of user '{user_id}'")


def _new_passphrase(arguments: Arguments) -> str:
    """Return what the command line or its file says, or ask."""
    if (path := arguments.optional("--passphrase-file")) is not None:
        return read_secret(path)
    passphrase = arguments.optional("--passphrase")
    return new_passphrase() if passphrase is None else passphrase


def _add_project(connection: Connection, arguments: Arguments) -> View:
    membership = arguments.text("PROJECT_ID"), arguments.text("--role"), arguments.is_set("--is_project_admin")
    return Record(connection.ask(user.add_roject_to_user, arguments.text("USER_ID"), *membership), FIELDS)


def _remove_project(connection: Connection, arguments: Arguments) -> View:
    ids = arguments.text("USER_ID"), arguments.text("PROJECT_ID")
    return Record(connection.ask(user.remove_project_fromUser, *ids), FIELDS)


def _list_projects(connection: Connection, arguments: Arguments) -> View:
    function = partial(user.list_projects_of_user, user_id=arguments.optional("--user"))
    return Listing.from_objects(connection.ask(function), "projects", MEMBERSHIP_FIELDS)
