"""A processor that computes nothing: it has an identity and some memory, like any other."""

from __future__ import annotations

from hanami_core.compute import HostContext, HostDescription

MEMORY = 1 << 20


class EchoHost:
    """A host of the kind ``echo``. A real one imports its compute library in `start`, and never before."""

    kind = "echo"

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
        """Say that all is well."""
        return HostDescription(self.name, self.kind, self._uuid, MEMORY, MEMORY, threads=1)
