"""What a text must not tell those who are not operators: where the server keeps its files.

Whoever is told that something failed learns why; where it lies stands in the log. Must not know who is told.
"""

from __future__ import annotations

import re

__all__ = ["HIDDEN_PATH", "without_paths"]

HIDDEN_PATH = "a file of the server"
"""Stands for a path."""

_QUOTED = re.compile(r"""(['"])/[^'"]*\1""")
_BARE = re.compile(r"""(?<![\w.:/<-])/(?:[^\s/'":,;()\[\]]+/)+[^\s'":,;()\[\]]*""")


def without_paths(text: str, *known: str) -> str:
    """Return a text that others have written, such as the system, a library or a plugin, without the paths in it.

    Args:
        text: what they have written.
        known: paths that may stand in it without quotes and with blanks.
    """
    for path in sorted(known, key=len, reverse=True):
        text = text.replace(path, HIDDEN_PATH)
    return _BARE.sub(HIDDEN_PATH, _QUOTED.sub(HIDDEN_PATH, text))
