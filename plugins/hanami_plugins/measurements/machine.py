"""What the processors are: packages, cores and hardware threads, with their limits."""

from __future__ import annotations

import socket
from collections import defaultdict
from pathlib import Path

import msgspec

from hanami_plugins.measurements.sensors import number


class HardwareThread(msgspec.Struct):
    """A logical processor."""

    id: int


class Core(msgspec.Struct):
    """A core; speeds are in kHz, 0 if unknown."""

    id: int
    minimum_speed: int
    maximum_speed: int
    current_minimum_speed: int
    current_maximum_speed: int
    current_speed: int
    threads: list[HardwareThread]


class Package(msgspec.Struct):
    """A processor; what it may take for long, and what it takes now, in W, 0 if unknown."""

    id: int
    thermal_spec: float
    power: float
    cores: list[Core]


class Machine(msgspec.Struct):
    """The machine that the server runs on."""

    hostname: str
    has_hyperthreading: bool
    packages: list[Package]


_SPEEDS = {
    "minimum_speed": "cpuinfo_min_freq",
    "maximum_speed": "cpuinfo_max_freq",
    "current_minimum_speed": "scaling_min_freq",
    "current_maximum_speed": "scaling_max_freq",
    "current_speed": "scaling_cur_freq",
}


def describe(power: float, root: Path = Path("/")) -> Machine:
    """Return the machine; `power` is what all packages take now, in W."""
    cpus = root / "sys/devices/system/cpu"
    tree: dict[int, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for cpu in sorted(int(path.name[3:]) for path in cpus.glob("cpu[0-9]*")):
        topology = cpus / f"cpu{cpu}" / "topology"
        tree[_whole(topology / "physical_package_id")][_whole(topology / "core_id")].append(cpu)
    packages = [
        Package(
            package, _thermal_spec(root, package), power / len(tree), [_core(cpus, *core) for core in cores.items()]
        )
        for package, cores in sorted(tree.items())
    ]
    doubled = any(len(threads) > 1 for cores in tree.values() for threads in cores.values())
    return Machine(socket.gethostname(), doubled, packages)


def _core(cpus: Path, core: int, threads: list[int]) -> Core:
    speeds = {name: max(0, _whole(cpus / f"cpu{threads[0]}" / "cpufreq" / file)) for name, file in _SPEEDS.items()}
    return Core(id=core, threads=[HardwareThread(thread) for thread in threads], **speeds)


def _thermal_spec(root: Path, package: int) -> float:
    limit = number(root / f"sys/class/powercap/intel-rapl:{package}" / "constraint_0_max_power_uw")
    return (limit or 0.0) / 1e6


def _whole(file: Path) -> int:
    return int(number(file) or 0)
