"""What exported networks answer: as models of ONNX, and as modules of Python in an interpreter of their own."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

TOLERANCE = 1e-5
Inputs = Mapping[str, np.ndarray]

ASKING = """
import json, sys
sys.path.insert(0, sys.argv[1])
import numpy as np, hanami_network
given = dict(zip(json.loads(sys.argv[2]), np.load(sys.argv[3]).values()))
answers = hanami_network.predict(given)
np.savez(sys.argv[4], *answers.values())
foreign = {name.partition(".")[0] for name in sys.modules} - {"numpy", "hanami_network"} - sys.stdlib_module_names
print(json.dumps([list(answers), sorted(name for name in foreign if not name.startswith("_"))]))
"""


def by_onnx(content: bytes, inputs: Inputs) -> dict[str, np.ndarray]:
    """Return what a runtime of ONNX answers."""
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(content, providers=["CPUExecutionProvider"])
    types = {"tensor(float)": np.float32, "tensor(uint8)": np.uint8}
    given = {item.name: inputs[item.name].astype(types[item.type]) for item in session.get_inputs()}
    names = [item.name for item in session.get_outputs()]
    return dict(zip(names, session.run(names, given), strict=True))


def by_numpy(content: bytes, inputs: Inputs, directory: Path) -> dict[str, np.ndarray]:
    """Return what the module of an archive answers in an interpreter that has nothing but NumPy."""
    network, given, answers = (directory / name for name in ("network.zip", "given.npz", "answers.npz"))
    network.write_bytes(content)
    np.savez(given, *inputs.values())
    command = [sys.executable, "-I", "-W", "error", "-c", ASKING, str(network), json.dumps(list(inputs))]
    done = subprocess.run([*command, str(given), str(answers)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    names, foreign = json.loads(done.stdout)
    assert foreign == []
    with np.load(answers) as found:
        return dict(zip(names, found.values(), strict=True))


def imported(content: bytes, directory: Path) -> ModuleType:
    """Return the module of an archive."""
    (directory / "network.zip").write_bytes(content)
    sys.path.insert(0, str(directory / "network.zip"))
    try:
        sys.modules.pop("hanami_network", None)
        importlib.invalidate_caches()
        return importlib.import_module("hanami_network")
    finally:
        sys.path.pop(0)
        sys.modules.pop("hanami_network", None)


def agree(found: Inputs, expected: Inputs) -> None:
    """Compare answers."""
    assert set(found) == set(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=TOLERANCE, atol=1e-7)
