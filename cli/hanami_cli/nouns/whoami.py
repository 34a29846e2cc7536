"""`hanamictl whoami`.

Owns the view of the own login. Must not know the wire, which is the SDK's.
"""

from __future__ import annotations

from hanami_cli.arguments import COMMON_OPTIONS, Arguments
from hanami_cli.connection import Connection
from hanami_cli.nouns import run_noun
from hanami_cli.views import Record, View

__all__ = ["HELP", "run"]

HELP = f"""
Shows the logged-in user and their projects. Also a quick way to check the address and the login.

Usage:
    hanamictl whoami [options]
{COMMON_OPTIONS}
Example:
    hanamictl whoami -j
"""

FIELDS = ("address", "id", "name", "is_admin")
MEMBERSHIP_FIELDS = ("project_id", "role", "is_project_admin")


def run(argv: list[str]) -> int:
    """Run one command line for the noun `whoami`."""
    return run_noun(HELP, {"": _whoami}, argv)


def _whoami(connection: Connection, _: Arguments) -> View:
    with connection.client() as client:
        user = client.whoami()
    projects = [{field: getattr(entry, field) for field in MEMBERSHIP_FIELDS} for entry in user.projects]
    known = {"address": connection.address, "id": user.id, "name": user.name, "is_admin": user.is_admin}
    chosen = {} if connection.project is None else {"project": connection.project}
    return Record({**known, **chosen, "projects": projects}, (*FIELDS, *chosen, "projects"))
