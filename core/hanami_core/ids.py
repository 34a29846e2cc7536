"""Identifiers, names and the field types that requests and answers are made of.

A request struct uses these types so that a rule is written once. The expressions mean the same in Python and in the
dialect of JSON schemas. `Meta` also has the example and, unless the docstring of a struct has a better one for its
field, the description that documents of an Api show.
"""

from __future__ import annotations

import unicodedata
import uuid
from typing import Annotated

from msgspec import Meta

__all__ = [
    "EXAMPLE_UUID",
    "ID_PATTERN",
    "NAME_PATTERN",
    "USER_ID_PATTERN",
    "UUID_PATTERN",
    "AnyName",
    "AnyProject",
    "AnyUser",
    "AnyUuid",
    "Id",
    "Name",
    "UserId",
    "Uuid",
    "new_uuid",
    "normalised",
]

ID_PATTERN = r"^[a-zA-Z][a-zA-Z_0-9]*$"
USER_ID_PATTERN = r"^[a-zA-Z0-9][a-zA-Z_0-9.@+\-]*$"
_ODD = (
    # ASCII but letters, digits, blanks and _ - . # + @ ( )
    r"\x00-\x1f!\x22$%&'*,/:;<=>?\[\\\]^`{|}~\x7f"
    # blanks of other kinds, and what has no width, turns the direction of what follows or is for private use
    r"\x80-\xa0\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f"
    r"\u2028-\u202f\u205f-\u206f\u3000\u3164\ue000-\uf8ff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff"
    # what looks like a slash
    r"\u2044\u2215\u29f8\u29f9\ufe68\uff0f\uff3c"
)
_NO_UUID = r"(?![a-fA-F0-9]{8}(-[a-fA-F0-9]{4}){3}-[a-fA-F0-9]{12}$)"
NAME_PATTERN = rf"^{_NO_UUID}[^{_ODD} \-.#+@()\u0300-\u036f]([^{_ODD}]*[^{_ODD} ])?$"
"""Letters and signs of all languages, but nothing that could be taken for something else: a uuid, a path, a command."""
UUID_PATTERN = r"^[a-fA-F0-9]{8}-[a-fA-F0-9]{4}-[a-fA-F0-9]{4}-[a-fA-F0-9]{4}-[a-fA-F0-9]{12}$"

EXAMPLE_UUID = "8b2f4a1e-6c3d-4e5f-9a7b-0c1d2e3f4a5b"
"""The uuid of all examples."""

Id = Annotated[
    str,
    Meta(description="Id of a project.", pattern=ID_PATTERN, min_length=4, max_length=254, examples=["flower_shop"]),
]
UserId = Annotated[
    str,
    Meta(
        description="Id of a user: a name or an e-mail address.",
        pattern=USER_ID_PATTERN,
        min_length=2,
        max_length=254,
        examples=["katherine"],
    ),
]
Name = Annotated[
    str,
    Meta(
        description="Name that people read; letters of any language, digits, spaces and `_ - . # + @ ( )`.",
        pattern=NAME_PATTERN,
        min_length=1,
        max_length=254,
        examples=["digits"],
    ),
]
Uuid = Annotated[
    str,
    Meta(
        description="UUID, letters in either case.",
        pattern=UUID_PATTERN,
        min_length=36,
        max_length=36,
        examples=[EXAMPLE_UUID],
    ),
]

AnyUuid = Annotated[str, Meta(description="UUID; empty if unknown.", examples=[EXAMPLE_UUID])]
"""A uuid in an answer; answers promise no rules. So do the next ones."""
AnyProject = Annotated[str, Meta(description="Id of the project that it belongs to.", examples=["flower_shop"])]
AnyUser = Annotated[str, Meta(description="Id of a user.", examples=["katherine"])]
AnyName = Annotated[str, Meta(description="Name that people read.", examples=["digits"])]


def new_uuid() -> str:
    """Return a random identifier in lower case."""
    return str(uuid.uuid4())


def normalised(name: str) -> str:
    """Return a name in the form (NFC) in which it is stored and looked for, so that what looks the same is the same."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)
