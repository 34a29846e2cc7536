"""State of a network: a JSON head and plain NumPy arrays, the same on CPU, GPU and disk."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import msgspec
import numpy as np

from hanami_core import tensorfile
from hanami_core.errors import CorruptFile
from hanami_core.network.template import Template

STATE_VERSION = 1


class StateHead(msgspec.Struct, forbid_unknown_fields=True):
    """Describes the arrays of a `NetworkState`.

    `inputs` and `outputs` map interface names to numbers of values, in template order; they are empty until the first
    data is seen. `cycles` counts training cycles since creation. `extra` belongs to the rule set.
    """

    rules: str
    template: Template
    seed: int
    cycles: int = 0
    inputs: dict[str, int] = msgspec.field(default_factory=dict)
    outputs: dict[str, int] = msgspec.field(default_factory=dict)
    extra: dict[str, Any] = msgspec.field(default_factory=dict)
    version: int = STATE_VERSION


@dataclass
class NetworkState:
    """The complete state of a network. Two states with the same digest behave identically."""

    head: StateHead
    arrays: dict[str, np.ndarray] = field(default_factory=dict)

    def digest(self) -> str:
        """Return the sha256 of head and arrays as hexadecimal text."""
        digest = hashlib.sha256(msgspec.json.encode(self.head, order="deterministic"))
        for name in sorted(self.arrays):
            array = np.ascontiguousarray(self.arrays[name])
            digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
            digest.update(array.data)
        return digest.hexdigest()

    def write(self, file: BinaryIO) -> None:
        """Write the state to a binary file."""
        head = msgspec.json.encode(self.head).decode()
        tensorfile.write(file, self.arrays, {"kind": "network", "head": head})

    @classmethod
    def read(cls, file: BinaryIO) -> NetworkState:
        """Read a state written by `write`.

        Raises:
            CorruptFile: if the file is not a network of a version that this code knows.
        """
        head = cls.read_head(file)
        return cls(head, tensorfile.read(file)[0])

    @staticmethod
    def read_head(file: BinaryIO) -> StateHead:
        """Read only the head of a state written by `write`; raises what `read` raises."""
        _, metadata = tensorfile.read_header(file)
        if metadata.get("kind") != "network":
            raise CorruptFile("the file does not hold a network")
        try:
            head = msgspec.json.decode(metadata.get("head", ""), type=StateHead)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise CorruptFile(f"the network's head is broken: {error}") from error
        if head.version != STATE_VERSION:
            raise CorruptFile(f"network version {head.version} is unknown, this server reads version {STATE_VERSION}")
        return head
