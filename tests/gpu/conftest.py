"""A machine with a GPU that is none: CuPy's stand-in, whose device does what a test says."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gpu.emulator.switchboard import STAND_IN, VARIABLE, Switchboard


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Switchboard]:
    """The switchboard of this process' machine; the stand-in is what is imported as ``cupy`` until the test ends.

    With ``HANAMI_TEST_GPU`` in the environment it is switched off, and tests run on the GPU of the machine.
    """
    if os.environ.get("HANAMI_TEST_GPU"):
        yield Switchboard(tmp_path / "machine.json")
        return
    board = Switchboard(tmp_path / "machine.json")
    monkeypatch.setenv(VARIABLE, str(board.path))
    # What `Device.open` tells CUDA and CuPy is taken back with these.
    monkeypatch.setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    monkeypatch.setenv("CUPY_CACHE_DIR", str(tmp_path / "kernels"))
    monkeypatch.syspath_prepend(STAND_IN)
    yield board
    for name in [name for name in sys.modules if name.partition(".")[0] in ("cupy", "cupyx")]:
        del sys.modules[name]
