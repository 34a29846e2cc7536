"""Which target the path of a websocket's request chooses.

Owns the templates of targets' paths: parts between slashes, of which ``{name}`` takes any one. Must not know sockets.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import unquote

from hanami_core.errors import PluginError
from hanami_core.sockets import SocketTarget

__all__ = ["Found", "TargetPaths"]

log = logging.getLogger("hanami.sockets")

_PARAMETER = re.compile(r"\{([a-z_][a-z0-9_]*)\}")


class Found(NamedTuple):
    """A target, and the values of the parameters of its path."""

    target: SocketTarget
    parameters: dict[str, str]


class TargetPaths:
    """The paths of all targets that have one."""

    def __init__(self, targets: Iterable[SocketTarget]) -> None:
        """Read the templates; a target whose path is none cannot be reached."""
        self._targets: list[tuple[re.Pattern[str], SocketTarget]] = []
        for target in targets:
            try:
                if target.path:
                    self._targets.append((_pattern(target), target))
            except PluginError as error:
                log.error("a target of websockets is off", extra={"target": target.name, "reason": str(error)})

    def find(self, path: str) -> Found | None:
        """Return the first target whose template fits to a path without query, or None."""
        for pattern, target in self._targets:
            match = pattern.fullmatch(path)
            if match is not None:
                return Found(target, {name: unquote(value) for name, value in match.groupdict().items()})
        return None


def _pattern(target: SocketTarget) -> re.Pattern[str]:
    head, *parts = target.path.split("/")
    if head or not parts:
        raise PluginError(f"the path '{target.path}' must begin with a slash")
    try:
        return re.compile("".join(f"/{_part(part)}" for part in parts))
    except re.error as error:
        raise PluginError(f"the path '{target.path}' names a parameter twice") from error


def _part(part: str) -> str:
    match = _PARAMETER.fullmatch(part)
    if match is not None:
        return f"(?P<{match[1]}>[^/]+)"
    if "{" in part or "}" in part:
        raise PluginError(f"'{part}' is neither a name nor a parameter")
    return re.escape(part)
