"""`hanamictl checkpoint`.

Owns the commands for checkpoints. Must not know the wire, which is the SDK's.
"""

from __future__ import annotations

from hanami_cli.arguments import COMMON_OPTIONS, Arguments
from hanami_cli.connection import Connection
from hanami_cli.names import uuid_of
from hanami_cli.nouns import run_noun
from hanami_cli.views import Listing, Message, Record, View
from hanami_sdk import checkpoint

__all__ = ["HELP", "run"]

HELP = f"""
Checkpoints are saved states of clusters. `hanamictl cluster save` makes one, `cluster restore` loads it.

Usage:
    hanamictl checkpoint get CHECKPOINT [options]
    hanamictl checkpoint list [options]
    hanamictl checkpoint delete CHECKPOINT [options]
    hanamictl checkpoint visibility CHECKPOINT VISIBILITY [options]

CHECKPOINT is a UUID, or a name that only one checkpoint has.
VISIBILITY is private (only the owner and admins see it), shared (all in its project) or public (everybody).
{COMMON_OPTIONS}
Examples:
    hanamictl checkpoint list
    hanamictl checkpoint delete 84eaae8e-aeae-4db4-840e-ca38f4461ec7
"""

FIELDS = ("uuid", "name", "visibility", "owner_id", "project_id", "created_at")


def run(argv: list[str]) -> int:
    """Run one command line for the noun `checkpoint`."""
    return run_noun(HELP, {"get": _get, "list": _list, "delete": _delete, "visibility": _visibility}, argv)


def _get(connection: Connection, arguments: Arguments) -> View:
    uuid = uuid_of(connection, "checkpoint", arguments.text("CHECKPOINT"))
    return Record(connection.ask(checkpoint.get_checkpoint, uuid), FIELDS)


def _list(connection: Connection, _: Arguments) -> View:
    return Listing.from_answer(connection.ask(checkpoint.list_checkpoints), FIELDS)


def _delete(connection: Connection, arguments: Arguments) -> View:
    given = arguments.text("CHECKPOINT")
    connection.call(checkpoint.delete_checkpoint, uuid_of(connection, "checkpoint", given))
    return Message(f"successfully deleted checkpoint '{given}'")


def _visibility(connection: Connection, arguments: Arguments) -> View:
    uuid = uuid_of(connection, "checkpoint", arguments.text("CHECKPOINT"))
    return Record(connection.ask(checkpoint.set_visibility, uuid, arguments.text("VISIBILITY")), FIELDS)
