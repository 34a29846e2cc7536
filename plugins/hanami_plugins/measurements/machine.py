"""What the processors are: packages, cores and hardware threads, with their limits."""

from __future__ import annotations

import socket
from collections import defaultdict
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from hanami_plugins.measurements.sensors import number

Number = Annotated[int, Meta(examples=[0])]
Speed = Annotated[int, Meta(examples=[3_580_000])]
Watts = Annotated[float, Meta(examples=[65.0])]


class HardwareThread(msgspec.Struct):
    """A logical processor.

    Attributes:
        id: number of the logical processor.
    """

    id: Number


class Core(msgspec.Struct):
    """A core of a processor.

    Attributes:
        id: number of the core.
        minimum_speed: lowest speed that it is made for, in kHz; 0 if unknown.
        maximum_speed: highest speed that it is made for, in kHz; 0 if unknown.
        current_minimum_speed: lowest speed that is set, in kHz; 0 if unknown.
        current_maximum_speed: highest speed that is set, in kHz; 0 if unknown.
        current_speed: speed now, in kHz; 0 if unknown.
        threads: its logical processors.
    """

    id: Number
    minimum_speed: Speed
    maximum_speed: Speed
    current_minimum_speed: Speed
    current_maximum_speed: Speed
    current_speed: Speed
    threads: list[HardwareThread]


class Package(msgspec.Struct):
    """A processor.

    Attributes:
        id: number of the processor.
        thermal_spec: power that it may draw permanently, in W; 0 if unknown.
        power: power that it draws now, in W; 0 if unknown.
        cores: its cores.
    """

    id: Number
    thermal_spec: Watts
    power: Watts
    cores: list[Core]


class Machine(msgspec.Struct):
    """The machine that the server runs on.

    Attributes:
        hostname: name of the machine.
        has_hyperthreading: whether a core has several logical processors.
        packages: processors of the machine.
    """

    hostname: Annotated[str, Meta(examples=["forge"])]
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
