"""`hanamictl logs`.

Owns the commands for the logs of the server. Must not know the wire, which is the SDK's.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from hanami_cli.arguments import COMMON_OPTIONS, Arguments
from hanami_cli.connection import Connection
from hanami_cli.nouns import run_noun
from hanami_cli.views import Listing, View
from hanami_sdk import logs

__all__ = ["HELP", "run"]

PAGE = 100  # rows, fixed by the server

HELP = f"""
The audit log shows who changed what, the error log what went wrong in the server. Both show a hundred rows at a time.

Usage:
    hanamictl logs audit [--user USER_ID] [--page PAGE] [--all] [options]
    hanamictl logs error [--user USER_ID] [--page PAGE] [--all] [options]

`audit` shows your own calls, `error` the errors of all users. Other users' calls and the error log are for admins.

Options:
    --user USER_ID    show the calls or errors of this user
    --page PAGE       which hundred rows, 0 being the oldest [default: 0]
    --all             show all rows from that page on
{COMMON_OPTIONS}
Examples:
    hanamictl logs audit
    hanamictl logs error --user ada --page 1 --output csv
    hanamictl logs audit --all --output csv
"""


def run(argv: list[str]) -> int:
    """Run one command line for the noun `logs`."""
    actions = {"audit": partial(_list, logs.list_audit_logs), "error": partial(_list, logs.list_error_logs)}
    return run_noun(HELP, actions, argv)


def _list(function: Callable[..., bytes], connection: Connection, arguments: Arguments) -> View:
    user, page = arguments.optional("--user"), arguments.integer("--page")
    listing = Listing.from_answer(connection.ask(function, user, page))
    rows = len(listing.rows)
    while arguments.is_set("--all") and rows == PAGE:
        page += 1
        more = Listing.from_answer(connection.ask(function, user, page), listing.columns)
        rows, listing = len(more.rows), listing.followed_by(more)
    return listing
