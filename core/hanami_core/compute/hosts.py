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
        uuid: uuid of the host, as clients see it; it is stored in the data directory, see
            `hanami_core.compute.identity`.
        cache: directory for compiled code. It is shared with other servers of the user, may be deleted at any time, and
            may be read-only.
        data_dir: data directory of the server.
        settings: all settings; those of a plugin begin with its name.
        clock: source of time.
        threads: processors that the host's process may use.
        background: whether the host may continue to prepare things after `ComputeHost.start` has returned.
    """

    uuid: str
    cache: Path
    data_dir: Path
    settings: Settings
    clock: Clock
    threads: int
    background: bool = False


class HostDescription(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Description of a started host and its current state.

    Attributes:
        name: short name, such as ``cpu0``.
        kind: what rule sets must be written for, such as ``cpu``.
        uuid: uuid of the host, as clients see it.
        memory: bytes that networks could use if there was nothing else; `free_memory` are the bytes that are left.
        threads: maximum number of threads that compute at the same time; on a GPU, the number of multiprocessors.
        healthy: whether the host can run networks. While it cannot, tasks that need it wait, and no new cluster goes
            there.
        reason: why it cannot.
        preparing: what the host is still preparing in the background, such as kernels; empty when everything is ready.
        awaited: of that, what networks wait for at the moment, by the name of their rule set, as the end of a sentence
            that says what the host does: ``compiles its kernels, for 7 seconds by now``.
        model: what the host computes with, such as the name of a card.
        network_memory: bytes that all networks on the host can have together at the moment, for a host with memory of
            its own; None for one that shares the machine's, which the settings divide.
        needs_restart: whether only another process can make the host work, now that it can be done: its sidecar ends,
            and the next one starts the host anew.
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
    awaited: dict[str, str] = {}
    model: str = ""
    network_memory: int | None = None
    needs_restart: bool = False


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
        """Free what the host holds; its networks are already closed. May be called twice, or after a failed start."""

    def describe(self) -> HostDescription:
        """Return the state of the host; must be cheap. Called from any thread, every few seconds, until `stop`.

        Report problems of a host in `HostDescription.healthy`; do not raise them.
        """


@runtime_checkable
class OnRequest(Protocol):
    """A host that need not get every new cluster."""

    @property
    def on_request(self) -> bool:
        """Whether clusters go there only if somebody names the host, or no other one can run them.

        For hosts that pay for some clusters and not for most. The server is ready without them.
        """


def is_on_request(host: ComputeHost) -> bool:
    """Tell whether clusters go to a host only if somebody names it, or no other one can run them."""
    return isinstance(host, OnRequest) and host.on_request


def is_healthy(host: ComputeHost) -> bool:
    """Tell whether a started host can run networks now; one that cannot describe itself is believed."""
    try:
        return host.describe().healthy
    except Exception:
        return True


def name_of(host: ComputeHost) -> str:
    """Return the name of a host.

    Raises:
        PluginError: if it is none.
    """
    if not _NAME.fullmatch(host.name):
        raise PluginError(f"a compute host is named by letters, digits, '_', '-' and '.', not '{host.name}'")
    return host.name
