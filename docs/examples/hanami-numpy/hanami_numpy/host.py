"""The host: a name, an identity, and the machine's memory. It has nothing to compile and nothing to import."""

from __future__ import annotations

from hanami_core import machine_memory
from hanami_core.compute import HostContext, HostDescription


class NumpyHost:
    """A host of the kind ``numpy``. Each network computes on one thread."""

    kind = "numpy"

    def __init__(self, name: str) -> None:
        """Name a host."""
        self.name = name
        self._uuid = ""

    def start(self, context: HostContext) -> None:
        """Note who it is."""
        self._uuid = context.uuid

    def stop(self) -> None:
        """Hold nothing."""

    def describe(self) -> HostDescription:
        """Tell the memory, which it shares with everything else on the machine."""
        memory = machine_memory.memory()
        return HostDescription(self.name, self.kind, self._uuid, memory.total, memory.free, threads=1)
