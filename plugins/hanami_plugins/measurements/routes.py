"""Native routes of measurements; none has fields."""

from __future__ import annotations

import msgspec

from hanami_core.http import Call, Empty, Route
from hanami_plugins.measurements import service
from hanami_plugins.measurements.machine import Machine
from hanami_plugins.measurements.sensors import POWER, SPEED, TEMPERATURE
from hanami_plugins.measurements.series import Values
from hanami_plugins.measurements.threads import ThreadMap


class PowerAnswer(msgspec.Struct):
    """Power of all processors in W."""

    power: Values


class TemperatureAnswer(msgspec.Struct):
    """Mean temperature of the processors in °C."""

    temperature: Values


class SpeedAnswer(msgspec.Struct):
    """Mean speed of the cores in MHz."""

    current_speed: Values


class SystemInfo(msgspec.Struct):
    """The machine."""

    info: Machine


class ThreadAnswer(msgspec.Struct):
    """Numbers of the logical processors that each thread may use, by process and name."""

    thread_map: ThreadMap


def routes() -> list[Route]:
    """Return all routes."""
    return [
        Route("GET", "/power_consumption", "measurements.power", Empty, PowerAnswer, power),
        Route("GET", "/temperature_production", "measurements.temperature", Empty, TemperatureAnswer, heat),
        Route("GET", "/speed", "measurements.speed", Empty, SpeedAnswer, speed),
        Route("GET", "/system_info", "measurements.system", Empty, SystemInfo, system_info),
        Route("GET", "/threading", "measurements.threads", Empty, ThreadAnswer, thread_map),
    ]


def power(call: Call, request: Empty) -> PowerAnswer:
    """Return what the processors take, in W."""
    return PowerAnswer(service.measured(call.runtime, POWER))


def heat(call: Call, request: Empty) -> TemperatureAnswer:
    """Return how warm the processors are, in °C."""
    return TemperatureAnswer(service.measured(call.runtime, TEMPERATURE))


def speed(call: Call, request: Empty) -> SpeedAnswer:
    """Return how fast the cores run, in MHz."""
    return SpeedAnswer(service.measured(call.runtime, SPEED))


def system_info(call: Call, request: Empty) -> SystemInfo:
    """Describe the machine's processors."""
    return SystemInfo(service.describe_machine(call.runtime))


def thread_map(call: Call, request: Empty) -> ThreadAnswer:
    """List the threads of the answering process and of the sidecars."""
    return ThreadAnswer(service.thread_map(call.runtime))
