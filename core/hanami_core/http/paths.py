"""Templates of paths as routes have them: how they are written, and which of them can be served side by side.

They are Falcon's (``/note/{uuid:uuid}/image``), with the converters ``int``, ``float``, ``uuid`` and ``path``; the
router itself is not needed to look at one. Must not know any route.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["PathParameter", "forms", "is_template", "parameters", "without_converters"]

_LETTERS = r"[A-Za-z0-9_.:~-]"
_FIELD = re.compile(r"\{(?P<name>[a-z_]+)(?::(?P<kind>int|float|uuid|path))?\}")
_SEGMENT = re.compile(rf"{_LETTERS}+|{_LETTERS}*{_FIELD.pattern}{_LETTERS}*")


class PathParameter(NamedTuple):
    """A parameter of a template: its name, and its converter, empty for a text."""

    name: str
    kind: str


def is_template(path: str) -> bool:
    """Tell whether a text can be the path of a route: empty, ``/``, or segments with at most one parameter each."""
    if path in ("", "/"):
        return True
    first, *segments = path.split("/")
    if first or not all(_SEGMENT.fullmatch(segment) for segment in segments):
        return False
    names = [parameter.name for parameter in parameters(path)]
    if len(set(names)) < len(names) or any(map(keyword.iskeyword, names)):
        return False
    # What takes the rest of a path must be its last segment, and all of it.
    _, rest, after = path.partition(":path}")
    return not rest or (not after and segments[-1].startswith("{"))


def parameters(path: str) -> list[PathParameter]:
    """Return the parameters of a template."""
    return [PathParameter(match["name"], match["kind"] or "") for match in _FIELD.finditer(path)]


def without_converters(path: str) -> str:
    """Return a template whose parameters have nothing but their names."""
    return _FIELD.sub(r"{\g<name>}", path)


def forms(path: str) -> Iterator[tuple[str, str]]:
    """Return each beginning of a template, its parameters without name, and how its last segment is written.

    Templates can be served side by side if the same beginning is written the same way in all of them: a router cannot
    know whether ``/note/5`` is ``/note/{number:int}`` or ``/note/{name}``.
    """
    form = ""
    for segment in path.split("/")[1:]:
        form = f"{form}/{_FIELD.sub('{}', segment)}"
        yield form, segment
