"""Groups of routes: the chapters that documents of an Api are divided into, in the order in which users need them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hanami_core.errors import PluginError

if TYPE_CHECKING:
    from hanami_core.http.route import Route

__all__ = ["LAST", "RouteGroup"]

LAST = 1000
"""Place of routes without a group."""

_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class RouteGroup:
    """A chapter of a document.

    Args:
        name: short name in lower case, such as ``notes``; groups with the same name are one chapter.
        about: one sentence that says what the calls are for.
        place: position in documents, smallest first. A newcomer reads them in this order: 100 logging in, 200 data, 300
            networks, 400 training, 500 answers, 600 saved networks, 700 people, 800 the machine, 900 the server.

    Raises:
        PluginError: if the name cannot be one.
    """

    name: str
    about: str
    place: int = LAST

    def __post_init__(self) -> None:
        """Refuse a name that breaks the rule."""
        if not _NAME.fullmatch(self.name):
            raise PluginError(f"group {self.name!r}: its name must be made of lower-case letters, digits and _")

    def of(self, *routes: Route) -> list[Route]:
        """Return routes as members of the group, except for those that are members of another one."""
        return [replace(route, group=route.group or self) for route in routes]
