"""Which paths a dotfile can have: relative ones below the home directory that no session needs for itself."""

from __future__ import annotations

import unicodedata

from hanami_core.errors import BadRequest

__all__ = ["RESERVED", "are_in_conflict", "expect_valid"]

RESERVED = (".jupyter", ".ssh", ".terminfo", ".tmux.conf", "id_container")
"""What a session makes in its home directory: its keys, and what belongs to its applications."""


def expect_valid(path: str) -> None:
    """Refuse a path that leads elsewhere, that two files could share, or that sessions need for themselves.

    Raises:
        BadRequest: with the rule that it breaks.
    """
    parts = path.split("/")
    rules = (
        (not path.startswith("/"), "it must be relative to the home directory"),
        (not {"", ".", ".."} & set(parts), "it must have no empty part, no '.' and no '..'"),
        (all(unicodedata.category(letter)[0] != "C" for letter in path), "it must have no control characters"),
        (parts[0] not in RESERVED, f"'{parts[0]}' is reserved for what sessions make"),
    )
    for holds, reason in rules:
        if not holds:
            raise BadRequest("field_invalid", field="path", reason=reason)


def are_in_conflict(path: str, other: str) -> bool:
    """Tell whether two files cannot be there together, because one would be a directory above the other."""
    return path.startswith(f"{other}/") or other.startswith(f"{path}/")
