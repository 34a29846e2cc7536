"""Contract of compute hosts: logical processors such as ``cpu0`` and ``gpu0``.

Every process makes the objects, because each has to know which hosts there are; only the sidecar of a host calls
`ComputeHost.start` and what lies behind it. So a plugin imports its compute library there, never at the top of a module
that registers hosts, and finds out how many there are from its settings or by a look at ``/dev`` or ``/proc``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import msgspec

from hanami_core.clock import Clock
from hanami_core.errors import PluginError
from hanami_core.settings import Settings

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}")
"""Names stand in the database and are those of files."""


@dataclass(frozen=True)
class HostContext:
    """What a host works with, from `ComputeHost.start` to `ComputeHost.stop`.

    Attributes:
        uuid: identity of the host towards clients; it lies in the data directory, see `hanami_core.compute.identity`.
        cache: directory for compiled code. It is shared with other servers of the user, may be deleted at any time, and
            can perhaps not be written.
        data_dir: data directory of the server.
        settings: all settings; those of a plugin begin with its name.
        clock: source of time.
        threads: processors that the host's process may use.
        background: whether the host may go on preparing things after `ComputeHost.start` has returned.
    """

    uuid: str
    cache: Path
    data_dir: Path
    settings: Settings
    clock: Clock
    threads: int
    background: bool = False


class HostDescription(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a started host is, and how it is at the moment.

    Attributes:
        name: short name, such as ``cpu0``.
        kind: what rule sets must be written for, such as ``cpu``.
        uuid: identity towards clients.
        memory: bytes that networks could take if there was nothing else, and `free_memory` those that are left.
        threads: most threads that compute at the same time; on a GPU the number of multiprocessors.
        healthy: whether networks can be trusted to the host.
        reason: why they can not.
        preparing: what the host still prepares in the background, such as kernels; empty when all is ready.
    """

    name: str
    kind: str
    uuid: str
    memory: int
    free_memory: int
    threads: int
    healthy: bool = True
    reason: str = ""
    preparing: str = ""


@runtime_checkable
class ComputeHost(Protocol):
    """A logical processor."""

    @property
    def name(self) -> str:
        """Unique name that survives a restart: letters, digits, ``_``, ``-`` and ``.``, at most 64 of them."""

    @property
    def kind(self) -> str:
        """What rule sets must be written for, such as ``cpu`` or ``cuda``."""

    def start(self, context: HostContext) -> None:
        """Make the host ready: import, compile, warm up. Called once, before any network is opened."""

    def stop(self) -> None:
        """Free what the host holds; all its networks are closed. May be called twice, or after a start that failed."""

    def describe(self) -> HostDescription:
        """Return how the host is. Called from any thread between `start` and `stop`, every few seconds, so at no cost.

        What is wrong with a host is told by `HostDescription.healthy` and not raised.
        """


def name_of(host: ComputeHost) -> str:
    """Return the name of a host.

    Raises:
        PluginError: if it is none.
    """
    if not _NAME.fullmatch(host.name):
        raise PluginError(f"a compute host is named by letters, digits, '_', '-' and '.', not '{host.name}'")
    return host.name
