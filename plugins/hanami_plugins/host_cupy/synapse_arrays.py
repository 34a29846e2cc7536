"""A synapse network on a device: the arrays of `SynapseNet` as they are on the processor, and what kernels add to them.

The kernels work on the very layout that `networks_synapse` describes, so a network comes to the device and back as it
is. Only what follows from it is made anew there: which sections belong to a source, which links to a neuron, and the
plan of the slots that requests read.
"""

from __future__ import annotations

import copy

import numpy as np
import numpy.typing as npt

from hanami_plugins.host_cupy.device import Device
from hanami_plugins.host_cupy.device_types import DeviceArray
from hanami_plugins.networks_synapse import (
    CYCLES,
    HEXAGON_STRIDE,
    LINKS,
    NONE,
    SLOTS,
    USED_BLOCKS,
    USED_ROWS,
    USED_SYNAPSES,
    WIDTH,
    SynapseMemory,
)

__all__ = ["PLAN", "THREADS", "SynapseArrays"]

PLAN = 8
"""Words of a slot in a plan, see `synapse_answer.cu`."""
THREADS = 128
"""Threads of a block that makes a plan or answers."""
NOT_LISTED = -2
"""In `next_link`: the link is in no list yet."""
_ON_PROCESSOR = ("base", "cooldown", "refractory")
_UNCHANGED = ("counts", "keys", "inputs", "outputs")
Ints32 = npt.NDArray[np.int32]


class SynapseArrays:
    """The arrays of one network, by their names in `SynapseNet`, and the lists that follow from them.

    Attributes:
        net: the arrays on the device, and ``fresh``, ``first_slot``, ``next_slot``, ``first_link``, ``next_link`` and
            ``full`` of `synapse_train.cu`.
        potentials: (sources) on the device, as the last training cycle has left them.
        memory: the network on the processor as it was when it was last there; its counts are always right.
        unallocated: sources that wait for their first section.
        open_links: links of outputs that are not there yet.
    """

    def __init__(self, device: Device, memory: SynapseMemory) -> None:
        """Bring a network to the device."""
        self.device, self.memory = device, memory
        net, sources = memory.net, memory.base + memory.net.slot_rows.size // SLOTS * WIDTH
        fresh = (memory.neurons.fresh[:sources] > 0).astype(np.int32)
        lists = self._lists(sources)
        self.unallocated = int(fresh.sum())
        with device.use():
            self.net: dict[str, DeviceArray] = {
                name: device.upload(array)
                for name, array in (net._asdict() | lists | {"fresh": fresh}).items()
                if name not in _ON_PROCESSOR
            }
            self.potentials = device.upload(memory.neurons.potentials[:sources])
        self._plan: DeviceArray = None

    def _lists(self, sources: int) -> dict[str, Ints32]:
        """Return lists of the sections of each source and of the links to each neuron, in ascending order."""
        net = self.memory.net
        first_slot, next_slot = np.full(sources, NONE, np.int32), np.full(net.slot_rows.size, NONE, np.int32)
        for slot in np.flatnonzero(net.slot_rows != NONE)[::-1].tolist():
            source = net.slot_sources[slot]
            if source >= self.memory.base:
                next_slot[slot], first_slot[source] = first_slot[source], slot
        first_link = np.full(sources - self.memory.base, NONE, np.int32)
        next_link = np.full(max(net.links.size, 1), NOT_LISTED, np.int32)
        for link in np.flatnonzero(net.links != NONE)[::-1].tolist():
            next_link[link], first_link[net.links[link]] = first_link[net.links[link]], link
        return {
            "first_slot": first_slot,
            "next_slot": next_slot,
            "first_link": first_link,
            "next_link": next_link,
            "full": np.zeros(net.slot_rows.size, np.int32),
        }

    # Sizes

    @property
    def hexagons(self) -> int:
        """Number of hexagons."""
        return self.memory.net.hexagons.size // HEXAGON_STRIDE

    @property
    def blocks(self) -> int:
        """Blocks that there is room for."""
        return self.memory.net.slot_rows.size // SLOTS

    @property
    def sources(self) -> int:
        """Number of sources: values of inputs with what lies between them, and neurons of all blocks that may be."""
        return self.memory.base + self.blocks * WIDTH

    @property
    def lanes(self) -> int:
        """Number of lanes of the outputs."""
        return self.memory.lanes

    @property
    def links(self) -> int:
        """Number of links."""
        return sum(self.memory.inner.values()) * LINKS - self.open_links

    @property
    def open_links(self) -> int:
        """Number of links that are not there yet."""
        with self.device.use():
            links = self.device.download(self.net["links"])
        return sum(self.memory.inner.values()) * LINKS - int(np.count_nonzero(links != NONE))

    @property
    def bytes(self) -> int:
        """Bytes that the arrays take on the device."""
        plan = self._plan.nbytes if self._plan is not None else 0
        return sum(int(array.nbytes) for array in self.net.values()) + int(plan) + int(self.potentials.nbytes)

    @property
    def cycles(self) -> int:
        """Training cycles since creation."""
        return int(self.memory.net.counts[CYCLES])

    def metrics(self) -> dict[str, float]:
        """Return sizes; ``memory`` is in bytes."""
        counts = self.memory.net.counts
        return {
            "blocks": int(counts[USED_BLOCKS]),
            "sections": int(counts[USED_ROWS]),
            "synapses": int(counts[USED_SYNAPSES]),
            "links": self.links,
            "memory": self.bytes,
        }

    def pointer(self, name: str) -> int:
        """Return the address of an array on the device."""
        return int(self.net[name].data.ptr)

    # Changing

    def plan(self) -> DeviceArray:
        """Return the plan of the slots, made when it is first asked for after a change. Call it in `Device.use`."""
        if self._plan is None:
            slots = int(self.memory.net.counts[USED_BLOCKS]) * SLOTS
            self._plan = self.device.array_module.empty((max(slots, 1), PLAN), np.float32)
            warps = THREADS // 32
            names = ("synapses", "heads", "slot_rows", "slot_sources")
            self.device.kernel("synapse_answer.cu", "plan")(
                (max(1, -(-slots // warps)),),
                (THREADS,),
                (*(self.net[name] for name in names), np.int32(slots), self._plan),
            )
        return self._plan

    def changed(self, counts: npt.NDArray[np.int64], cycles: int, unallocated: int, potentials: DeviceArray) -> None:
        """Take note of what training has changed beside the arrays themselves.

        Args:
            counts: see `SynapseNet`; the cycles in it do not count.
            cycles: training cycles since creation.
            unallocated: sources that wait for their first section.
            potentials: (sources) on the device.
        """
        self.memory.net.counts[:] = counts
        self.memory.net.counts[CYCLES] = cycles
        self.unallocated, self.potentials, self._plan = unallocated, potentials, None

    def copied(self) -> SynapseArrays:
        """Return a copy that changes of this one leave alone."""
        other, memory = copy.copy(self), copy.copy(self.memory)
        memory.net = memory.net._replace(counts=memory.net.counts.copy())
        other.memory = memory
        with self.device.use():
            other.net = {name: array.copy() for name, array in self.net.items()}
        return other

    # Reading

    def fetch(self) -> SynapseMemory:
        """Return the network on the processor as it is now."""
        net, neurons = self.memory.net, self.memory.neurons
        with self.device.use():
            for name in net._fields:
                if name not in (*_ON_PROCESSOR, *_UNCHANGED):
                    getattr(net, name)[:] = self.device.download(self.net[name])
            fresh = self.device.download(self.net["fresh"])
            potentials = self.device.download(self.potentials)
        neurons.fresh[: fresh.size] = fresh
        neurons.potentials[: potentials.size] = potentials
        return self.memory

    def counts(self) -> npt.NDArray[np.int64]:
        """Return the counts of the device."""
        with self.device.use():
            found: npt.NDArray[np.int64] = self.device.download(self.net["counts"])
        return found
