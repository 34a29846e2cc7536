"""The part of `Client` about the machine that the server runs on."""

from __future__ import annotations

from dataclasses import dataclass

from hanami_sdk._html import Shown
from hanami_sdk._http import item
from hanami_sdk._json import JsonObject
from hanami_sdk._models import build
from hanami_sdk._session import Session


@dataclass(frozen=True, slots=True)
class Measurement(Shown):
    """A value of the machine over time, oldest first; 0 where nothing was measured.

    Attributes:
        seconds: the last 60 seconds.
        minutes: the last 60 full minutes, each a mean.
        hours: the last 24 full hours.
        days: the last 365 full days.
    """

    seconds: tuple[float, ...]
    minutes: tuple[float, ...]
    hours: tuple[float, ...]
    days: tuple[float, ...]

    @property
    def now(self) -> float:
        """Newest value."""
        return self.seconds[-1] if self.seconds else 0.0

    @classmethod
    def from_json(cls, data: JsonObject) -> Measurement:
        """Return the values of an answer."""
        return build(cls, {name: tuple(values) for name, values in data.items()})


@dataclass(frozen=True, slots=True)
class ProcessorCore(Shown):
    """A core of a processor; speeds are in kHz, 0 if unknown.

    Attributes:
        id: number within its processor.
        minimum_speed: lowest speed that it can run at.
        maximum_speed: highest speed that it can run at.
        current_minimum_speed: lowest speed that it may run at now.
        current_maximum_speed: highest speed that it may run at now.
        current_speed: speed that it runs at.
        threads: numbers of its logical processors.
    """

    id: int
    minimum_speed: int = 0
    maximum_speed: int = 0
    current_minimum_speed: int = 0
    current_maximum_speed: int = 0
    current_speed: int = 0
    threads: tuple[int, ...] = ()

    @classmethod
    def from_json(cls, data: JsonObject) -> ProcessorCore:
        """Return the core of an answer."""
        return build(cls, {**data, "threads": tuple(item(thread, "id") for thread in data.get("threads", ()))})


@dataclass(frozen=True, slots=True)
class Processor(Shown):
    """A processor; power is in W, 0 if unknown.

    Attributes:
        id: number.
        thermal_spec: power that it may draw permanently.
        power: power that it draws now.
        cores: its cores.
    """

    id: int
    thermal_spec: float = 0.0
    power: float = 0.0
    cores: tuple[ProcessorCore, ...] = ()

    @classmethod
    def from_json(cls, data: JsonObject) -> Processor:
        """Return the processor of an answer."""
        return build(cls, {**data, "cores": tuple(map(ProcessorCore.from_json, data.get("cores", ())))})


@dataclass(frozen=True, slots=True)
class Machine(Shown):
    """The machine that the server runs on.

    Attributes:
        hostname: its name.
        has_hyperthreading: whether cores have several threads.
        packages: its processors.
    """

    hostname: str
    has_hyperthreading: bool = False
    packages: tuple[Processor, ...] = ()

    @classmethod
    def from_json(cls, data: JsonObject) -> Machine:
        """Return the machine of an answer."""
        return build(cls, {**data, "packages": tuple(map(Processor.from_json, data.get("packages", ())))})


class MachineMethods(Session):
    """Hardware and measurements of the server's machine.

    Machines, especially virtual ones, may lack sensors: a value that cannot be measured raises a `NotFoundException`.
    """

    def power_consumption(self) -> Measurement:
        """Return the power of all processors, in W.

        Raises:
            NotFoundException: the machine has no such sensor.
        """
        return Measurement.from_json(item(self.get("/power_consumption"), "power"))

    def temperature(self) -> Measurement:
        """Return how warm the processors were, in °C.

        Raises:
            NotFoundException: the machine has no such sensor.
        """
        return Measurement.from_json(item(self.get("/temperature_production"), "temperature"))

    def speed(self) -> Measurement:
        """Return how fast the cores ran, in MHz.

        Raises:
            NotFoundException: the machine has no such sensor.
        """
        return Measurement.from_json(item(self.get("/speed"), "current_speed"))

    def system_info(self) -> Machine:
        """Return the processors of the machine."""
        return Machine.from_json(item(self.get("/system_info"), "info"))

    def threading(self) -> dict[str, tuple[int, ...]]:
        """Return the numbers of the logical processors that each thread of the server may use, by its name."""
        return {name: tuple(cores) for name, cores in item(self.get("/threading"), "thread_map").items()}
