"""`hanamictl project`.

Owns the commands for projects. Must not know the wire, which is the SDK's.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from shlex import quote

from hanami_cli.arguments import COMMON_OPTIONS, Arguments
from hanami_cli.connection import Connection
from hanami_cli.nouns import run_noun
from hanami_cli.values import as_json
from hanami_cli.views import Listing, Message, Record, View
from hanami_sdk import hanami_token, project

__all__ = ["HELP", "Switch", "run"]

HELP = f"""
Projects group users and isolate their data. Only admins can manage projects; users switch between their own.

Usage:
    hanamictl project create PROJECT_ID -n NAME [options]
    hanamictl project get PROJECT_ID [options]
    hanamictl project list [options]
    hanamictl project delete PROJECT_ID [options]
    hanamictl project switch PROJECT_ID [options]

`switch` prints the line that makes your shell work in another project from then on; --project does so for one command.

Options:
    -n NAME, --name NAME    display name, may contain spaces
{COMMON_OPTIONS}
Examples:
    hanamictl project create -n "Handwritten digits" digits
    hanamictl project list --output csv
    eval "$(hanamictl project switch digits)"
"""

FIELDS = ("id", "name", "creator_id", "created_at")


def run(argv: list[str]) -> int:
    """Run one command line for the noun `project`."""
    actions = {"create": _create, "get": _get, "list": _list, "delete": _delete, "switch": _switch}
    return run_noun(HELP, actions, argv)


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


def _switch(connection: Connection, arguments: Arguments) -> View:
    project_id = arguments.text("PROJECT_ID")
    # The project until now may be one that the user has left.
    replace(connection, project=None).call(hanami_token.renew_token, project_id)
    if sys.stdout.isatty() and arguments.form == "table":
        print(f'To switch, run: eval "$(hanamictl project switch {quote(project_id)})"', file=sys.stderr)
    return Switch(project_id)


@dataclass(frozen=True)
class Switch:
    """The project of all further commands; a line for the shell in every format but JSON."""

    project_id: str

    def table(self) -> str:
        """Return a line for a shell."""
        return f"export HANAMI_PROJECT={quote(self.project_id)}"

    def json(self) -> str:
        """Return an object with the id of the project."""
        return as_json({"project_id": self.project_id})

    csv = table
