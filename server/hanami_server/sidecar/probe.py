"""Proves that a host computes: trains and asks a tiny network, through the same rules as any cluster.

A host that still prepares something is believed: its clusters wait for that, but nobody who asks whether it is there.

What the cheap checks of plugins find in this process counts, too. Must not touch the database; the answer is the
host's, not the server's.
"""

from __future__ import annotations

import threading
import time
from contextlib import closing
from typing import Any

import numpy as np

from hanami_core.compute import ComputeHost
from hanami_core.network import Input, Output, Position, Settings, Template
from hanami_core.runtime import Runtime
from hanami_server.health import CheapChecks

__all__ = ["Probe"]

FRESH = 1.0
SEED = 1
_TEMPLATE = Template(
    settings=Settings(max_connection_distance=1),
    hexagons=(Position(1, 1, 1), Position(2, 1, 1), Position(3, 1, 1)),
    inputs=(Input("input", 0),),
    outputs=(Output("output", 2),),
)


class Probe:
    """Runs the proof; callers within a second share one, because anybody may ask."""

    def __init__(self, runtime: Runtime, host: ComputeHost) -> None:
        """Prove a started host."""
        self._runtime = runtime
        self._host = host
        self._checks = CheapChecks(runtime)
        self._lock = threading.Lock()
        self._answer: dict[str, object] = {}
        self._until = 0.0

    def run(self) -> dict[str, Any]:
        """Return ``{"ready": true, "milliseconds": ...}``, or false with the reason."""
        with self._lock:
            if time.monotonic() >= self._until:
                self._answer = self._prove()
                self._until = time.monotonic() + FRESH
            return self._answer

    def _prove(self) -> dict[str, Any]:
        begin = time.perf_counter()
        try:
            description = self._host.describe()
            if not description.healthy:
                raise RuntimeError(description.reason)
            if not description.preparing:
                self._compute()
        except BaseException as error:
            return {"ready": False, "reason": str(error) or type(error).__name__}
        findings = self._checks.findings()
        if findings:
            return {"ready": False, "reason": "; ".join(findings)}
        return {"ready": True, "milliseconds": round((time.perf_counter() - begin) * 1000, 3)}

    def _compute(self) -> None:
        rules = self._runtime.rules_for(_TEMPLATE, self._host.kind)
        with closing(rules.open(rules.create(_TEMPLATE, SEED), self._host)) as network:
            network.resize({"input": 4}, {"output": 2})
            values = {"input": np.array([0.0, 1.0, 0.5, 1.0], np.float32)}
            network.train_one(values, {"output": np.array([0.0, 1.0], np.float32)})
            answer = network.request_one(values)["output"]
        if answer.shape != (2,) or not np.isfinite(answer).all():
            raise ArithmeticError("the host computes wrong values")
