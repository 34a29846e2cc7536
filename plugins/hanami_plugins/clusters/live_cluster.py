"""One network in memory: its states, the transitions between them, and what is known of its stored state.

Owns the table of transitions. Must not know the database, nor who asks for a network.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from hanami_core.compute import LiveNetwork
from hanami_core.errors import ServiceError
from hanami_plugins.clusters import locks
from hanami_plugins.clusters.locks import Rank

__all__ = ["TRANSITIONS", "Attachment", "ClusterState", "IllegalTransition", "LiveCluster"]


class ClusterState(Enum):
    """What a live cluster is there for.

    Storing is not a state: a network is stored while it works, while it is direct and while it rests, see `locks`.
    """

    OPENING = "opening"
    """A thread reads the stored state; there is no network yet."""
    RESTING = "resting"
    """Nobody works with the network, and frames are not known to be welcome."""
    DIRECT = "direct"
    """Frames are welcome."""
    WORKING = "working"
    """A task works with the network; frames are refused."""
    EVICTED = "evicted"
    """The network is not that of its cluster any more. It is closed: it learns nothing and answers nothing."""


TRANSITIONS: Mapping[ClusterState, frozenset[ClusterState]] = {
    ClusterState.OPENING: frozenset({ClusterState.RESTING, ClusterState.DIRECT, ClusterState.EVICTED}),
    ClusterState.RESTING: frozenset({ClusterState.DIRECT, ClusterState.WORKING, ClusterState.EVICTED}),
    ClusterState.DIRECT: frozenset({ClusterState.RESTING, ClusterState.WORKING, ClusterState.EVICTED}),
    # Also in direct mode: an aborted task may still work then, and only a look at the row tells about the mode.
    ClusterState.WORKING: frozenset({ClusterState.RESTING, ClusterState.EVICTED}),
    ClusterState.EVICTED: frozenset(),
}


class IllegalTransition(RuntimeError):
    """A live cluster was to take a step that its state does not allow, which is a defect."""


@dataclass(eq=False)
class LiveCluster:
    """A network in memory.

    `network`, and the names of its `inputs` and `outputs`, are there once it is open. `state` is changed by `move`
    alone, under the lock of the registry; a frame reads it once more under `lock`, before the network learns. `changes`
    counts what was learned, `stored` is what it was in the stored state; until `rests_until` it is stored again only if
    somebody asks. `version` is never behind that of the cluster's row, but for networks that were evicted. `works`
    counts the tasks that have begun to work with the network; who has looked at the row finds out by it whether a task
    has come in between. `light` is for those who run frames: by what a frame does, how many values it may have to be a
    light one. `require` raises if a network with some numbers of values would take too much memory; `estimate` is what
    it may take with those that it has. `unstorable` tells why the last attempt to store the network failed, until one
    succeeds. `lost` tells of an evicted network that something was not stored.
    """

    uuid: str
    version: int = 0
    state: ClusterState = ClusterState.OPENING
    changes: int = 0
    stored: int = 0
    rests_until: float = 0.0
    works: int = 0
    used: float = field(default_factory=time.monotonic)
    light: dict[Any, float] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=lambda: locks.new_lock(Rank.NETWORK))
    storing: threading.Lock = field(default_factory=lambda: locks.new_lock(Rank.STORING))
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    closed: bool = False
    lost: bool = False
    unstorable: ServiceError | None = None
    estimate: int = 0
    require: Callable[[Mapping[str, int], Mapping[str, int]], None] | None = None
    _network: LiveNetwork | None = None

    @property
    def network(self) -> LiveNetwork:
        """The network, once it is open."""
        assert self._network is not None, "the network is not open yet"
        return self._network

    def fit(self, inputs: Mapping[str, int], outputs: Mapping[str, int]) -> None:
        """Fit the network to numbers of values, see `LiveNetwork.resize`; the caller holds `lock`.

        Raises:
            Unprocessable: if it would take too much memory.
            Unavailable: if other networks leave too little for it.
        """
        head = self.network.head
        wider = [
            {name: max(known.get(name, 0), size) for name, size in {**known, **new}.items()}
            for known, new in ((head.inputs, inputs), (head.outputs, outputs))
        ]
        if self.require is not None and wider != [head.inputs, head.outputs]:
            self.require(*wider)
        self.network.resize(inputs, outputs)

    @property
    def direct(self) -> bool:
        """Tell whether frames are welcome."""
        return self.state is ClusterState.DIRECT

    @property
    def unsaved(self) -> bool:
        """Tell whether the network knows more than its stored state."""
        return self.changes != self.stored

    def require_storable(self) -> None:
        """Refuse to learn what cannot be stored.

        Raises:
            ServiceError: the reason.
        """
        failure = self.unstorable
        if failure is not None:
            raise type(failure)(failure.code, **failure.parameters)  # one of its own for each thread

    def close(self) -> None:
        """Free what the network holds on its host; the caller holds `lock` and has evicted it.

        Its head can still be read by frames that have found it in direct mode a moment ago.
        """
        if self._network is not None:
            self._network.close()
        self.closed = True

    def opened(self, network: LiveNetwork, version: int, *, direct: bool) -> None:
        """Take the network that was opened from a stored state."""
        template = network.head.template
        self.inputs = tuple(item.name for item in template.inputs)
        self.outputs = tuple(item.name for item in template.outputs)
        self._network, self.version = network, version
        self.move(ClusterState.DIRECT if direct else ClusterState.RESTING)

    def move(self, to: ClusterState) -> None:
        """Change the state; the caller holds the lock of the registry.

        Raises:
            IllegalTransition: if no such step is in the table.
        """
        if to not in TRANSITIONS[self.state]:
            raise IllegalTransition(f"cluster {self.uuid} cannot go from {self.state.value} to {to.value}")
        if to is ClusterState.WORKING:
            self.works += 1
        self.state = to


@dataclass(eq=False)
class Attachment:
    """The hold of a session on its cluster. `live` is the network that its frames go to, or that they last went to.

    `on_change` is called, in a thread, after owner, project or visibility of the cluster have become other ones than
    `seen`.
    """

    live: LiveCluster
    on_change: Callable[[], None]
    seen: tuple[str, ...] = ()
