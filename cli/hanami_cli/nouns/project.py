"""`hanamictl project`.

Owns the commands for projects. Must not know the wire, which is the SDK's.
"""

from __future__ import annotations

from hanami_cli.arguments import COMMON_OPTIONS, Arguments
from hanami_cli.connection import Connection
from hanami_cli.nouns import run_noun
from hanami_cli.views import Listing, Message, Record, View
from hanami_sdk import project

__all__ = ["HELP", "run"]

HELP = f"""
Projects separate the work of groups of users. Only admins may manage them.

Usage:
    hanamictl project create PROJECT_ID -n NAME [options]
    hanamictl project get PROJECT_ID [options]
    hanamictl project list [options]
    hanamictl project delete PROJECT_ID [options]

Options:
    -n NAME, --name NAME    name for people, may contain blanks
{COMMON_OPTIONS}
Examples:
    hanamictl project create -n "Handwritten digits" digits
    hanamictl project list --output csv
"""

FIELDS = ("id", "name", "creator_id", "created_at")


def run(argv: list[str]) -> int:
    """Run one command line for the noun `project`."""
    return run_noun(HELP, {"create": _create, "get": _get, "list": _list, "delete": _delete}, argv)


def _create(connection: Connection, arguments: Arguments) -> View:
    answer = connection.ask(project.create_project, arguments.text("PROJECT_ID"), arguments.text("--name"))
    return Record(answer, FIELDS)


def _get(connection: Connection, arguments: Arguments) -> View:
    return Record(connection.ask(project.get_project, arguments.text("PROJECT_ID")), FIELDS)


def _list(connection: Connection, _: Arguments) -> View:
    return Listing.from_answer(connection.ask(project.list_projects), FIELDS)


def _delete(connection: Connection, arguments: Arguments) -> View:
    project_id = arguments.text("PROJECT_ID")
    connection.call(project.delete_project, project_id)
    return Message(f"successfully deleted project '{project_id}'")
