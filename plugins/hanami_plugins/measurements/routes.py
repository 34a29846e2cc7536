"""Native routes of measurements; none has fields."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from hanami_core.http import Call, Empty, Route, RouteGroup
from hanami_plugins.measurements import service
from hanami_plugins.measurements.machine import Machine
from hanami_plugins.measurements.sensors import POWER, SPEED, TEMPERATURE
from hanami_plugins.measurements.series import Values
from hanami_plugins.measurements.threads import ThreadMap

GROUP = RouteGroup("measurements", "See the processors of the machine, their power, temperature and speed.", 810)


class PowerAnswer(msgspec.Struct):
    """Power of the processors.

    Attributes:
        power: power of all processors in W.
    """

    power: Values


class TemperatureAnswer(msgspec.Struct):
    """Temperature of the processors.

    Attributes:
        temperature: mean temperature of the processors in °C.
    """

    temperature: Values


class SpeedAnswer(msgspec.Struct):
    """Speed of the processors.

    Attributes:
        current_speed: mean clock speed of the cores in MHz.
    """

    current_speed: Values


class SystemInfo(msgspec.Struct):
    """The machine.

    Attributes:
        info: the machine and its processors.
    """

    info: Machine


class ThreadAnswer(msgspec.Struct):
    """The threads of the server.

    Attributes:
        thread_map: numbers of the logical processors that each thread may use, by process and name of the thread.
    """

    thread_map: Annotated[ThreadMap, Meta(examples=[{"http/main": [0, 1]}])]


def routes() -> list[Route]:
    """Return all routes."""
    return GROUP.of(
        Route("GET", "/power_consumption", "measurements.power", Empty, PowerAnswer, power),
        Route("GET", "/temperature_production", "measurements.temperature", Empty, TemperatureAnswer, heat),
        Route("GET", "/speed", "measurements.speed", Empty, SpeedAnswer, speed),
        Route("GET", "/system_info", "measurements.system", Empty, SystemInfo, system_info),
        Route("GET", "/threading", "measurements.threads", Empty, ThreadAnswer, thread_map),
    )


def power(call: Call, request: Empty) -> PowerAnswer:
    """Return the power of the processors, in W."""
    return PowerAnswer(service.measured(call.runtime, POWER))


def heat(call: Call, request: Empty) -> TemperatureAnswer:
    """Return the temperature of the processors, in °C."""
    return TemperatureAnswer(service.measured(call.runtime, TEMPERATURE))


def speed(call: Call, request: Empty) -> SpeedAnswer:
    """Return the clock speed of the processors, in MHz."""
    return SpeedAnswer(service.measured(call.runtime, SPEED))


def system_info(call: Call, request: Empty) -> SystemInfo:
    """Describe the machine's processors."""
    return SystemInfo(service.describe_machine(call.runtime))


def thread_map(call: Call, request: Empty) -> ThreadAnswer:
    """List the threads of the answering process and of the sidecars."""
    return ThreadAnswer(service.thread_map(call.runtime))
