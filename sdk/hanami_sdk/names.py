"""Names in place of UUIDs: what a person calls a thing, as long as only one thing is called so.

It knows no endpoint.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping

from hanami_sdk._json import JsonObject
from hanami_sdk.hanami_exceptions import ConflictException, NotFoundException

__all__ = ["is_uuid", "only_one", "uuid_of"]

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_MOST = 20
"""Things that an error tells by name."""


def is_uuid(text: str) -> bool:
    """Tell whether a text is a UUID; no name looks like one."""
    return _UUID.fullmatch(text) is not None


def uuid_of(thing: object) -> str | None:
    """Return the UUID of an object, or a text that is one; None for a name."""
    if hasattr(thing, "uuid"):
        return str(thing.uuid)
    text = str(thing)
    return text if is_uuid(text) else None


def only_one(noun: str, name: str, rows: Iterable[Mapping[str, object]]) -> str:
    """Return the UUID of the only row that has a name.

    Args:
        noun: what the rows are, such as `"cluster"`.
        name: the name.
        rows: all that the user sees.

    Raises:
        NotFoundException: none has it; the text tells the names that there are.
        ConflictException: several have it; the text tells their UUIDs.
    """
    name, known = unicodedata.normalize("NFC", name), list(rows)
    found = [row for row in known if row.get("name") == name]
    if not found:
        raise NotFoundException(f"there is no {noun} '{name}', {_told(noun, known)}", 404)
    if len(found) > 1:
        uuids = _listed([str(row["uuid"]) for row in found])
        raise ConflictException(f"{len(found)} {noun}s are named '{name}', use the UUID: {uuids}", 409)
    return str(found[0]["uuid"])


def _told(noun: str, known: list[JsonObject]) -> str:
    names = sorted({str(row.get("name")) for row in known})
    return f"only {_listed([repr(name) for name in names])}" if names else f"nor any other {noun}"


def _listed(texts: list[str]) -> str:
    more = len(texts) - _MOST
    return ", ".join(texts[:_MOST]) + (f" and {more} more" if more > 0 else "")
