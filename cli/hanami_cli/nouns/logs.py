"""`hanamictl logs`.

Owns the commands for the logs of the server. Must not know the wire, which is the SDK's.
"""

from __future__ import annotations

from hanami_cli.arguments import COMMON_OPTIONS, Arguments
from hanami_cli.connection import Connection
from hanami_cli.nouns import run_noun
from hanami_cli.views import Listing, View
from hanami_sdk import logs

__all__ = ["HELP", "run"]

HELP = f"""
Logs tell who changed what, and what went wrong inside of the server; a hundred rows at a time.

Usage:
    hanamictl logs audit [--user USER_ID] [--page PAGE] [options]
    hanamictl logs error [--user USER_ID] [--page PAGE] [options]

`audit` shows your own calls, `error` the errors of all users. Only admins may ask for others, and for errors at all.

Options:
    --user USER_ID    id of the user whose calls or errors are wanted
    --page PAGE       which hundred, counted from 0 [default: 0]
{COMMON_OPTIONS}
Examples:
    hanamictl logs audit
    hanamictl logs error --user ada --page 1 --output csv
"""


def run(argv: list[str]) -> int:
    """Run one command line for the noun `logs`."""
    return run_noun(HELP, {"audit": _audit, "error": _error}, argv)


def _audit(connection: Connection, arguments: Arguments) -> View:
    user, page = arguments.optional("--user"), arguments.integer("--page")
    return Listing.from_answer(connection.ask(logs.list_audit_logs, user, page))


def _error(connection: Connection, arguments: Arguments) -> View:
    user, page = arguments.optional("--user"), arguments.integer("--page")
    return Listing.from_answer(connection.ask(logs.list_error_logs, user, page))
