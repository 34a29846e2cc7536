"""The machine that the stand-in for CuPy shows, and how a test changes it, in its own process and in others.

The machine is described by a JSON file, whose path is in the environment; who uses the stand-in looks at it before each
call. Without the variable there is one device in good health.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

VARIABLE = "HANAMI_EMULATED_GPU"
ROOT = Path(__file__).parents[3]
STAND_IN = Path(__file__).parent / "stand_in"


@dataclass(frozen=True)
class Machine:
    """What there is and how it behaves."""

    devices: int = 1
    name: str = "NVIDIA H100 80GB HBM3"
    capability: tuple[int, int] = (9, 0)
    multiprocessors: int = 132
    memory: int = 80 << 30
    """Bytes of each device."""
    taken: int = 0
    """Bytes of it that other programs hold."""
    driver: int | None = 13000
    """Version of the driver; None: there is none."""
    needed_driver: int = 12000
    """With an older one no call works."""
    broken_import: str | None = None
    """What `import cupy` fails with."""
    lost: str | None = None
    """Name of the error that every call raises, such as cudaErrorUnknown."""
    launch_error: str | None = None
    """Name of the error that a launch raises, after which the context is broken."""
    launch_error_after: int = 0
    """Launches that go well before."""
    launch_error_number: int = 0
    """Each number stands for one launch that fails in each process."""
    wrong_results: bool = False
    """Kernels do nothing."""
    needs_stream: bool = True
    """Work in the default stream is refused, as it may overtake work in the stream of the device."""
    order: str = "forwards"
    """Which threads of a kernel run first, see `launcher.Launch`."""


class Switchboard:
    """Changes the machine of the processes that got `environment`."""

    def __init__(self, path: Path, **fields: Any) -> None:
        """Begin with a machine in good health, but for the given fields of `Machine`."""
        self.path = path
        self.machine = Machine(**fields)
        self._write()

    @property
    def environment(self) -> dict[str, str]:
        """Variables for a process that imports the stand-in as `cupy`."""
        others = [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]
        return {VARIABLE: str(self.path), "PYTHONPATH": os.pathsep.join([str(STAND_IN), str(ROOT), *others])}

    def set(self, **fields: Any) -> None:
        """Change fields of the machine, from the next call of the stand-in on."""
        self.machine = replace(self.machine, **fields)
        self._write()

    def lose(self, error: str = "cudaErrorUnknown") -> None:
        """Let the device disappear: every call fails from now on."""
        self.set(lost=error)

    def come_back(self) -> None:
        """Let it work again, in processes that begin now; a process that met the error keeps it."""
        self.set(lost=None)

    def fail_launch(self, error: str = "cudaErrorLaunchFailure", after: int = 0) -> None:
        """Let one launch fail, after some that go well."""
        number = self.machine.launch_error_number + 1
        self.set(launch_error=error, launch_error_after=after, launch_error_number=number)

    def _write(self) -> None:
        part = self.path.with_suffix(".part")
        part.write_text(json.dumps(asdict(self.machine)), encoding="utf-8")
        part.replace(self.path)


def read_machine(path: Path) -> Machine:
    """Return the machine that a file describes."""
    fields = json.loads(path.read_text(encoding="utf-8"))
    return Machine(**{**fields, "capability": tuple(fields["capability"])})
