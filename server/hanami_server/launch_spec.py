"""What the supervisor must know about a server before it starts the other processes.

Kept apart from `hanami_server.bootstrap`, which loads every plugin to find it out.
"""

from __future__ import annotations

import msgspec

from hanami_server.process import HttpLimits, Launch

__all__ = ["LaunchSpec"]


class LaunchSpec(msgspec.Struct, frozen=True):
    """Hosts that need a sidecar, processes of plugins, address to listen on, limits of the api, and of silence.

    `secrets` are the variables of the environment that hold settings which nobody may see, with the names of these.
    """

    hosts: list[str]
    processes: list[Launch]
    address: tuple[str, int]
    log_level: str
    http: HttpLimits
    silence: float
    secrets: dict[str, str] = {}
