"""Small networks and data for the tests of the engine."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from hanami_core.compute import Columns, LiveNetwork, Rows, Run, Values
from hanami_core.network import Axon, Input, NetworkState, Output, Position, Settings, Template
from hanami_core.network.topology import WALKED_SIDES, neighbour
from hanami_plugins.host_numba.cpu_rules import CpuSectionRules
from hanami_plugins.host_numba.host import CpuHost

ALWAYS = Run(lambda cycle: True)
RULES = CpuSectionRules()
WIDTH, CLASSES = 40, 5
"""Size of the networks that `trained` makes for `blobs`."""


def chain(inputs: Sequence[str] = ("in",), outputs: Sequence[str] = ("out",), blocks: int | None = None) -> Template:
    """Return inputs that lead to one hidden hexagon, and outputs around it."""
    hidden = Position(10, 10, 5)
    around = [neighbour(hidden, side) for side, _ in zip(WALKED_SIDES, outputs, strict=False)]
    away = [Position(i, 0, 0) for i, _ in enumerate(inputs)]
    return Template(
        Settings(own={} if blocks is None else {"blocks": blocks}),
        (hidden, *around, *away),
        tuple(Input(name, 1 + len(outputs) + i) for i, name in enumerate(inputs)),
        tuple(Output(name, 1 + i) for i, name in enumerate(outputs)),
        tuple(Axon(1 + len(outputs) + i, 0) for i, _ in enumerate(inputs)),
    )


def with_int8(template: Template, **options: Any) -> Template:
    """Return a template that asks for answers from weights of 8 bits."""
    own = {**template.settings.own, "precision": "int8"}
    changed = msgspec.structs.replace(template.settings, own=own, **options)
    return msgspec.structs.replace(template, settings=changed)


def network(
    host: CpuHost, inputs: dict[str, int], outputs: dict[str, int], seed: int = 1, blocks: int | None = None
) -> LiveNetwork:
    """Return a network that fits to these numbers of values."""
    live = RULES.open(RULES.create(chain(tuple(inputs), tuple(outputs), blocks), seed), host)
    live.resize(inputs, outputs)
    return live


def one_hot(classes: Any, count: int) -> np.ndarray:
    """Return rows with a single 1."""
    return np.eye(count, dtype=np.uint8)[np.asarray(classes)]


def blobs(rows: int, seed: int = 1, width: int = 40, classes: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Return noisy bytes around one pattern a class, and the classes one-hot."""
    random = np.random.default_rng(seed)
    patterns = np.random.default_rng(99).integers(0, 2, (classes, width)) * 150
    kinds = random.integers(0, classes, rows)
    noise = random.integers(0, 100, (rows, width))
    values = np.where(random.random((rows, width)) < 0.3, 0, patterns[kinds] + noise)
    return values.astype(np.uint8), one_hot(kinds, classes)


def rows(
    inputs: np.ndarray, outputs: np.ndarray | None = None, time_length: int = 1, weights: np.ndarray | None = None
) -> Rows:
    """Return rows for a network with one input ``in`` and one output ``out``."""
    columns = () if outputs is None else (Columns("out", outputs),)
    return Rows((Columns("in", inputs),), columns, time_length, weights)


def answers(live: LiveNetwork, inputs: np.ndarray | Rows, name: str = "out") -> np.ndarray:
    """Return what a network says to rows."""
    asked = inputs if isinstance(inputs, Rows) else rows(inputs)
    result: Values = np.zeros((asked.cycles, live.head.outputs[name]), np.float32)
    live.request(asked, {name: result}, ALWAYS)
    return result


def accuracy(live: LiveNetwork, inputs: np.ndarray, outputs: np.ndarray) -> float:
    """Return the share of right answers."""
    return float((answers(live, inputs).argmax(1) == outputs.argmax(1)).mean())


def reopened(live: LiveNetwork, host: CpuHost) -> LiveNetwork:
    """Return a second network with the state of another one."""
    file = io.BytesIO()
    live.state().write(file)
    return RULES.open(NetworkState.read(file), host)


def trained(host: CpuHost, cycles: int = 600, **options: int) -> LiveNetwork:
    """Return a network that has learned some blobs."""
    result = network(host, {"in": WIDTH}, {"out": CLASSES}, **options)
    result.train(rows(*blobs(cycles)), ALWAYS)
    return result
