"""Names in place of UUIDs: what a person calls a thing, as long as only one thing is called so.

Owns the search in the lists of the server. Must not know commands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from hanami_cli.connection import Connection
from hanami_cli.errors import CliError
from hanami_cli.text import one_line
from hanami_cli.views import Listing
from hanami_sdk import checkpoint, cluster, dataset, folder
from hanami_sdk.hanami_exceptions import HanamiException
from hanami_sdk.names import is_uuid, only_one

__all__ = ["uuid_of"]

COLUMNS = ("uuid", "name")
LISTS: Mapping[str, Callable[..., bytes]] = MappingProxyType(
    {
        "checkpoint": checkpoint.list_checkpoints,
        "cluster": cluster.list_clusters,
        "dataset": dataset.list_datasets,
        "folder": folder.list_folders,
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
    if is_uuid(given):
        return given
    known = Listing.from_answer(connection.ask(LISTS[noun]), COLUMNS)
    if missing := [column for column in COLUMNS if column not in known.columns]:
        raise CliError(f"unexpected answer of the server: no column '{missing[0]}'")
    try:
        return only_one(noun, given, (dict(zip(COLUMNS, row, strict=True)) for row in known.rows))
    except HanamiException as error:
        raise CliError(one_line(str(error))) from error
