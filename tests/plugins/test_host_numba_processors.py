"""Other processors than this one: kernels compile for them and compute the same, bit by bit."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hanami_core.testing.hosts import host_context
from hanami_plugins.host_numba.host import CpuHost
from tests.kernels import KERNELS
from tests.lengths import choose, seldom
from tests.plugins.engine_kit import ALWAYS, RULES, answers, blobs, chain, rows, with_int8
from tests.plugins.test_host_numba_deep import line

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]

PROCESSORS = {
    "any": {"NUMBA_CPU_NAME": "x86-64", "NUMBA_CPU_FEATURES": ""},
    "avx2": {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+avx2,+fma"},
}
"""The least that 64 bits promise, and a processor of 2013."""


def digests(cache: Path) -> list[str]:
    """Return what networks are after some training, and what they answer."""
    host = CpuHost("cpu0", 1)
    host.start(host_context(cache))
    found = []
    for template in choose((chain(blocks=3),), (with_int8(chain(blocks=3)), line(4, 2))):
        live = RULES.open(RULES.create(template, 1), host)
        live.resize({"in": 40}, {"out": 5})
        live.train(rows(*blobs(2000)), ALWAYS)
        asked = blobs(1, seed=2)[0][0].astype(np.float32)
        found += [live.state().digest(), live.request_one({"in": asked})["out"].tobytes().hex()]
        if template.settings.own.get("precision") == "int8":
            found.append(answers(live, blobs(50, seed=2)[0]).tobytes().hex())
    return found


@pytest.mark.long
@pytest.mark.skipif("x86_64" not in os.uname().machine, reason="names of processors are those of one family")
@pytest.mark.parametrize("name", ["any", seldom("avx2")])
def test_another_processor_computes_the_same(name: str) -> None:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from tests.plugins.test_host_numba_processors import digests\n"
        "print('\\n'.join(digests(Path(sys.argv[1]))))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(KERNELS / name)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, **PROCESSORS[name]},
    )
    expected = digests(KERNELS)
    said, errors = process.communicate()
    assert process.returncode == 0, errors
    assert said.split() == expected
