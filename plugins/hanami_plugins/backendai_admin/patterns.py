"""Patterns of ``like``, ``ilike`` and ``contains``: ``%`` stands for any text, ``_`` for any character.

Written for a database, or as an expression that Python compares in a time that does not explode.
"""

from __future__ import annotations

import fnmatch
import re

__all__ = ["as_glob", "as_like", "as_regex", "containing"]

ESCAPE = "\\"
_GLOB = {"%": "*", "_": "?", "*": "[*]", "?": "[?]", "[": "[[]"}
_ESCAPED = re.compile(r"[%_\\]")


def containing(text: str) -> str:
    """Return the pattern, with escapes, of all texts that contain another one."""
    return f"%{_ESCAPED.sub(lambda found: ESCAPE + found[0], text)}%"


def as_glob(pattern: str) -> str:
    """Return a pattern as SQLite's GLOB takes it, which is also that of file names."""
    return "".join(_GLOB.get(one, one) if is_wild else _literal(one) for one, is_wild in _characters(pattern))


def as_like(pattern: str) -> str:
    """Return a pattern for LIKE with the escape character `ESCAPE`: one at the end of it stands for itself."""
    return "".join(one if is_wild or one not in "%_\\" else ESCAPE + one for one, is_wild in _characters(pattern))


def as_regex(pattern: str, *, ignore_case: bool = False) -> re.Pattern[str]:
    """Return a pattern as an expression for ``match``; what ignores case does so for letters of ASCII, as SQLite."""
    return re.compile(fnmatch.translate(as_glob(pattern)), re.ASCII | re.IGNORECASE if ignore_case else 0)


def _literal(character: str) -> str:
    return _GLOB[character] if character in "*?[" else character


def _characters(pattern: str) -> list[tuple[str, bool]]:
    """Return the characters of a pattern, and whether each stands for others; after an escape it does not."""
    found, position = [], 0
    while position < len(pattern):
        escaped = pattern[position] == ESCAPE and position + 1 < len(pattern)
        character = pattern[position + escaped]
        found.append((character, not escaped and character in "%_"))
        position += 1 + escaped
    return found
