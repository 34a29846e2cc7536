"""What the tests of synapse growth share: templates, live networks and the reference side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from hanami_core.compute import Columns, LiveNetwork, Rows, Run
from hanami_core.network import Input, Output, Position, Settings, Template
from hanami_core.testing.hosts import host_context
from hanami_plugins.host_numba.cpu_rules import CpuSynapseRules
from hanami_plugins.host_numba.host import CpuHost
from hanami_plugins.networks_synapse.synapse_reference import Reference
from tests.kernels import KERNELS

ALWAYS = Run(lambda cycle: True)
RULES = CpuSynapseRules()
HOST = CpuHost("cpu0", 1)


@cache
def start_once() -> None:
    """Tell Numba where kernels are kept: beside their files it does not see changes of what they import."""
    HOST.start(host_context(KERNELS))


def line(
    length: int = 3, settings: Settings | None = None, mode: Any = "plain", kind: Any = "plain", z: int = 1
) -> Template:
    """Return hexagons in a row; the first one is the input, the last one the output."""
    hexagons = tuple(Position(x, 1, z) for x in range(1, length + 1))
    return Template(settings or Settings(), hexagons, (Input("in", 0, mode),), (Output("out", length - 1, kind),))


def network(
    template: Template, inputs: Mapping[str, int], outputs: Mapping[str, int], seed: int = 7, host: CpuHost = HOST
) -> LiveNetwork:
    """Return a live network of some size."""
    start_once()
    live = RULES.open(RULES.create(template, seed), host)
    live.resize(inputs, outputs)
    return live


def rows(inputs: Mapping[str, np.ndarray], outputs: Mapping[str, np.ndarray] | None = None, length: int = 1) -> Rows:
    """Return tables as data of a task."""
    return Rows(
        tuple(Columns(name, values) for name, values in inputs.items()),
        tuple(Columns(name, values) for name, values in (outputs or {}).items()),
        length,
    )


def ask(live: LiveNetwork, inputs: Mapping[str, np.ndarray], length: int = 1) -> dict[str, np.ndarray]:
    """Return what a network answers to all rows."""
    data = rows(inputs, length=length)
    results = {name: np.zeros((data.cycles, size), np.float32) for name, size in live.head.outputs.items()}
    live.request(data, results, ALWAYS)
    return results


@dataclass
class Pair:
    """A live network and its reference, fed with the same."""

    template: Template
    inputs: Mapping[str, int]
    outputs: Mapping[str, int]
    seed: int = 7

    def __post_init__(self) -> None:
        self.live = network(self.template, self.inputs, self.outputs, self.seed)
        self.reference = Reference(self.template, self.seed, self.inputs, self.outputs)

    def train(
        self, inputs: Mapping[str, np.ndarray], outputs: Mapping[str, np.ndarray], weights: np.ndarray | None = None
    ) -> None:
        self.live.train(replace(rows(inputs, outputs), weights=weights), ALWAYS)
        for row in range(len(next(iter(inputs.values())))):
            self.reference.train(
                {name: values[row] for name, values in inputs.items()},
                {name: values[row] for name, values in outputs.items()},
                1 if weights is None else weights[row],
            )

    def assert_same(self) -> None:
        """Compare all that the two have become."""
        reference, arrays = self.reference, self.live.state().arrays
        sections = sorted((s for block in reference.blocks for s in block.sections), key=lambda s: s.place)
        hexagons = {block.number: hexagon for hexagon, blocks in reference.blocks_of.items() for block in blocks}
        assert arrays["block_hexagon"].tolist() == [hexagons[number] for number in range(len(hexagons))]
        assert arrays["section_place"].tolist() == [s.place for s in sections]
        assert arrays["section_start"].tolist() == [s.start for s in sections]
        assert arrays["section_size"].tolist() == [len(s.synapses) for s in sections]
        assert arrays["section_origin"].tolist() == [self.origin(*s.source) for s in sections]
        synapses = [synapse for s in sections for synapse in s.synapses]
        close(arrays["synapse_border"], [synapse.border for synapse in synapses])
        close(arrays["synapse_weight"], [synapse.weight for synapse in synapses])
        close(arrays["section_tolerance"], [s.tolerance for s in sections])
        close(arrays["section_span"].reshape(-1), [x for s in sections for x in (s.lower, s.range)])
        close(arrays["neuron_potential"].reshape(-1), [p for block in reference.blocks for p in block.potential])
        if "synapse_activity" in arrays:
            assert arrays["synapse_activity"].tolist() == [synapse.activity for synapse in synapses]
        links = [link for output in self.template.outputs for row in reference.links[output.hexagon] for link in row]
        neurons = [-1 if link is None else link.block.number * 128 + link.neuron for link in links]
        assert arrays["link_neuron"].reshape(-1).tolist() == neurons
        close(arrays["link_weight"].reshape(-1), [0 if link is None else link.weight for link in links])
        assert self.live.head.cycles == reference.cycles
        assert self.live.head.extra == {"able": bool(reference.able)}
        assert self.live.metrics()["sections"] == len(sections)
        assert self.live.metrics()["synapses"] == sum(synapse.activity > 0 for synapse in synapses)

    def origin(self, hexagon: int, number: int) -> list[int]:
        for place, item in enumerate(self.template.inputs):
            if item.hexagon == hexagon:
                return [-1 - place, number]
        return [self.reference.blocks_of[hexagon][number // 128].number, number % 128]

    def assert_same_answers(self, inputs: Mapping[str, np.ndarray]) -> None:
        """Compare answers; the reference keeps what the request leaves in its neurons, so this comes last."""
        answers = ask(self.live, inputs)
        for row in range(len(next(iter(inputs.values())))):
            expected = self.reference.ask({name: values[row] for name, values in inputs.items()})
            for name, values in expected.items():
                close(answers[name][row], values)


def close(found: Any, expected: Sequence[Any] | np.ndarray) -> None:
    np.testing.assert_allclose(np.asarray(found, np.float32), np.asarray(expected, np.float32), rtol=1e-5, atol=1e-5)
