"""`hanamictl host`.

Owns the commands for hosts. Must not know the wire, which is the SDK's.
"""

from __future__ import annotations

from functools import partial

from hanami_cli.arguments import COMMON_OPTIONS, Arguments
from hanami_cli.connection import Connection
from hanami_cli.nouns import run_noun
from hanami_cli.views import Listing, View
from hanami_sdk import hosts

__all__ = ["HELP", "run"]

HELP = f"""
Hosts are the compute processes of the server. Every cluster lives on one; `hanamictl cluster switch-host` moves it.

Usage:
    hanamictl host list [options]
{COMMON_OPTIONS}
Example:
    hanamictl host list
"""

FIELDS = ("uuid", "type", "name", "state", "threads", "memory", "free_memory", "model")


def run(argv: list[str]) -> int:
    """Run one command line for the noun `host`."""
    return run_noun(HELP, {"list": _list}, argv)


def _list(connection: Connection, _: Arguments) -> View:
    return Listing.from_answer(connection.ask(partial(hosts.list_hosts, details=True)), FIELDS)
