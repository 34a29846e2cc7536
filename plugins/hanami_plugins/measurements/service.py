"""What was measured and what the machine is, for routes of any Api and for other plugins. Knows no HTTP."""

from __future__ import annotations

from hanami_core.errors import NotFound
from hanami_core.localsocket import run_directory
from hanami_core.runtime import Runtime
from hanami_plugins.measurements import series, threads
from hanami_plugins.measurements.machine import Machine, describe
from hanami_plugins.measurements.sampler import series_path
from hanami_plugins.measurements.sensors import POWER, SPEED, TEMPERATURE, Sensors
from hanami_plugins.measurements.series import Values
from hanami_plugins.measurements.threads import ThreadMap

__all__ = ["describe_machine", "measured", "thread_map"]

_MISSING = {
    POWER: "power_not_measured",
    SPEED: "speed_not_measured",
    TEMPERATURE: "temperature_not_measured",
}


def measured(runtime: Runtime, quantity: str) -> Values:
    """Return the values of one of `POWER`, `TEMPERATURE` and `SPEED` over time.

    Raises:
        NotFound: if the machine has no sensor for it.
    """
    found = _stored(runtime).get(quantity)
    if found is not None:
        return found.values
    if Sensors().read()[quantity] is None:
        raise NotFound(_MISSING[quantity])
    return Values()


def describe_machine(runtime: Runtime) -> Machine:
    """Return what the machine is, and what it takes now."""
    power = _stored(runtime).get(POWER)
    return describe(power.values.seconds[-1] if power else 0.0)


def thread_map(runtime: Runtime) -> ThreadMap:
    """Return the threads of the asking process, an api, and of the sidecars, with the processors that each may use."""
    noted = threads.load(run_directory(runtime.settings.data_dir), runtime.hosts)
    return threads.own("api") | noted


def _stored(runtime: Runtime) -> dict[str, series.Series]:
    return series.load(series_path(runtime.settings.data_dir))
