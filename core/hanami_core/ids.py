"""Identifiers and the field types that requests are made of.

The expressions and limits are the ones of the wire specification; a request struct uses these types so that a rule is
written once.
"""

from __future__ import annotations

import uuid
from typing import Annotated

from msgspec import Meta

__all__ = [
    "ID_PATTERN",
    "NAME_PATTERN",
    "USER_ID_PATTERN",
    "UUID_PATTERN",
    "Id",
    "Name",
    "UserId",
    "Uuid",
    "new_uuid",
]

ID_PATTERN = r"^[a-zA-Z][a-zA-Z_0-9]*$"
USER_ID_PATTERN = r"^[a-zA-Z][a-zA-Z_0-9@]*$"
NAME_PATTERN = r"^[a-zA-Z][a-zA-Z_0-9\- ]*$"
UUID_PATTERN = r"^[a-fA-F0-9]{8}-[a-fA-F0-9]{4}-[a-fA-F0-9]{4}-[a-fA-F0-9]{4}-[a-fA-F0-9]{12}$"

Id = Annotated[str, Meta(pattern=ID_PATTERN, min_length=4, max_length=254)]
UserId = Annotated[str, Meta(pattern=USER_ID_PATTERN, min_length=4, max_length=254)]
Name = Annotated[str, Meta(pattern=NAME_PATTERN, min_length=4, max_length=254)]
Uuid = Annotated[str, Meta(pattern=UUID_PATTERN, min_length=36, max_length=36)]


def new_uuid() -> str:
    """Return a random identifier in lower case."""
    return str(uuid.uuid4())
