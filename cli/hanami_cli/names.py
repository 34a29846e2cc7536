"""Names in place of UUIDs: what a person calls a thing, as long as only one thing is called so.

Owns the search in the lists of the server. Must not know commands.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from hanami_cli.connection import Connection
from hanami_cli.errors import CliError
from hanami_cli.text import one_line
from hanami_cli.views import Listing
from hanami_sdk import checkpoint, cluster, dataset

__all__ = ["uuid_of"]

UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

COLUMNS = ("uuid", "name")
LISTS: Mapping[str, Callable[..., bytes]] = MappingProxyType(
    {
        "checkpoint": checkpoint.list_checkpoints,
        "cluster": cluster.list_clusters,
        "dataset": dataset.list_datasets,
    }
)


def uuid_of(connection: Connection, noun: str, given: str) -> str:
    """Return the UUID of a thing; a UUID itself costs no question.

    Args:
        connection: the server.
        noun: what it is, such as `"cluster"`.
        given: its UUID or its name.

    Raises:
        CliError: nothing that the user sees has this name, or several things have; or as `Connection.ask`.
    """
    if UUID.fullmatch(given):
        return given
    known = Listing.from_answer(connection.ask(LISTS[noun]), COLUMNS)
    if missing := [column for column in COLUMNS if column not in known.columns]:
        raise CliError(f"unexpected answer of the server: no column '{missing[0]}'")
    found = [str(uuid) for uuid, name in known.rows if name == given]
    if not found:
        raise CliError(f"there is no {noun} '{one_line(given)}'")
    if len(found) > 1:
        raise CliError(one_line(f"{len(found)} {noun}s are named '{given}', use the UUID: {', '.join(found)}"))
    return found[0]
