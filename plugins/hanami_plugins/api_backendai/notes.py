"""What admins have told the manager: the announcement, whether it is frozen, and hosts that get no new work."""

from __future__ import annotations

from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from hanami_core.errors import Unavailable
from hanami_core.storage.database import OwnedRecord, atomic
from hanami_plugins.api_backendai.models import ManagerNote

__all__ = [
    "ANNOUNCEMENT",
    "EXCLUDED",
    "FROZEN",
    "Announcement",
    "excluded_hosts",
    "is_frozen",
    "read",
    "refuse_if_frozen",
    "refuse_record",
    "write",
]

ANNOUNCEMENT, FROZEN, EXCLUDED = "announcement", "frozen", "excluded_hosts"
"""Names of notes: an `Announcement`, a boolean, and a list of names."""

T = TypeVar("T")


class Announcement(msgspec.Struct):
    """A message that each command of the client shows.

    Attributes:
        enabled: whether there is one.
        message: its text, in Markdown.
    """

    enabled: Annotated[bool, Meta(examples=[True])] = False
    message: Annotated[str, Meta(examples=["Maintenance on Sunday from 8:00 UTC."])] = ""


def read(name: str, kind: type[T], default: T) -> T:
    """Return what a note says, or what holds without one."""
    row = ManagerNote.get_or_none(ManagerNote.name == name)
    return default if row is None else msgspec.json.decode(row.value, type=kind)


def write(name: str, value: object) -> None:
    """Write a note, instead of the one of that name."""
    text = msgspec.json.encode(value).decode()
    with atomic():
        row = ManagerNote.insert(name=name, value=text)
        row.on_conflict(conflict_target=[ManagerNote.name], update={ManagerNote.value: text}).execute()


def excluded_hosts() -> set[str]:
    """Return the names of the compute hosts that get no new clusters."""
    return set(read(EXCLUDED, list[str], []))


def is_frozen() -> bool:
    """Tell whether nothing may be created or changed."""
    return read(FROZEN, bool, False)


def refuse_if_frozen() -> None:
    """Raise `Unavailable` while the server is frozen."""
    if is_frozen():
        raise Unavailable("server_frozen")


def refuse_record(record: OwnedRecord) -> None:
    """Let nobody add a resource while the server is frozen, at no API; what runs goes on."""
    refuse_if_frozen()
