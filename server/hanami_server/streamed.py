"""Which requests have bodies that are not collected before their handlers run: those of routes with a large limit.

Must not read a body; it looks at the first line of a request only.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from hanami_core.http import BoundRoute, RouteTable

__all__ = ["StreamedRoutes"]

_PARAMETER = re.compile(r"\\{[a-z_]+(:[a-z]+)?[^}]*\\}")


class StreamedRoutes:
    """Routes whose bodies may be larger than those that are collected in memory."""

    def __init__(self, routes: RouteTable, collected: int) -> None:
        """Look for routes whose limit is above `collected` bytes."""
        large = [bound for bound in routes if (bound.route.largest_body or 0) > collected]
        self._patterns = {method: _pattern(large, method) for method in {bound.route.method for bound in large}}

    def match(self, line: bytes) -> bool:
        """Tell whether the first line of a request leads to one of them."""
        method, _, rest = line.partition(b" ")
        pattern = self._patterns.get(method.decode("latin-1"))
        target = rest.rpartition(b" ")[0].partition(b"?")[0]
        return pattern is not None and bool(pattern.fullmatch(unquote_to_bytes(target).decode("latin-1")))


def _pattern(routes: list[BoundRoute], method: str) -> re.Pattern[str]:
    paths = (re.escape(bound.path) for bound in routes if bound.route.method == method)
    return re.compile("|".join(_PARAMETER.sub(".+", path) for path in paths))
