"""REST routes of measurements; none has fields."""

from __future__ import annotations

import msgspec

from hanami_core.errors import NotFound
from hanami_core.http import Call, Empty, Route
from hanami_core.localsocket import run_directory
from hanami_core.runtime import Runtime
from hanami_plugins.measurements import machine, series, threads
from hanami_plugins.measurements.sampler import series_path
from hanami_plugins.measurements.sensors import POWER, SPEED, TEMPERATURE, Sensors
from hanami_plugins.measurements.series import Values


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

    info: machine.Machine


class ThreadAnswer(msgspec.Struct):
    """Numbers of the logical processors that each thread may use, by process and name."""

    thread_map: threads.ThreadMap


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
    return PowerAnswer(_values(call.runtime, POWER, "Power consumption"))


def heat(call: Call, request: Empty) -> TemperatureAnswer:
    """Return how warm the processors are, in °C."""
    return TemperatureAnswer(_values(call.runtime, TEMPERATURE, "Temperature"))


def speed(call: Call, request: Empty) -> SpeedAnswer:
    """Return how fast the cores run, in MHz."""
    return SpeedAnswer(_values(call.runtime, SPEED, "Speed"))


def system_info(call: Call, request: Empty) -> SystemInfo:
    """Describe the machine's processors."""
    measured = _stored(call.runtime).get(POWER)
    return SystemInfo(machine.describe(measured.values.seconds[-1] if measured else 0.0))


def thread_map(call: Call, request: Empty) -> ThreadAnswer:
    """List the threads of the answering process and of the sidecars."""
    noted = threads.load(run_directory(call.runtime.settings.data_dir), call.runtime.hosts)
    return ThreadAnswer(threads.own("api") | noted)


def _values(runtime: Runtime, name: str, title: str) -> Values:
    found = _stored(runtime).get(name)
    if found is not None:
        return found.values
    if Sensors().read()[name] is None:
        raise NotFound(f"{title} is not available on this machine")
    return Values()


def _stored(runtime: Runtime) -> dict[str, series.Series]:
    return series.load(series_path(runtime.settings.data_dir))
