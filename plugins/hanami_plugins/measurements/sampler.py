"""What is measured, and where it is kept. A schedule calls it once a second; so one process of a server measures."""

from __future__ import annotations

from pathlib import Path

from hanami_core.runtime import Runtime
from hanami_plugins.measurements import series
from hanami_plugins.measurements.sensors import Sensors

INTERVAL = 1.0


def series_path(data_dir: Path) -> Path:
    """Return the file that holds what was measured; it survives a restart."""
    return data_dir / "measurements.json"


class Sampler:
    """Measures, and remembers what was measured before."""

    def __init__(self, sensors: Sensors | None = None) -> None:
        """Prepare; the file is read with the first measurement."""
        self._sensors = sensors or Sensors()
        self._series: dict[str, series.Series] | None = None

    def __call__(self, runtime: Runtime) -> None:
        """Measure once and store all there is."""
        file = series_path(runtime.settings.data_dir)
        if self._series is None:
            self._series = series.load(file)
        found = {name: value for name, value in self._sensors.read().items() if value is not None}
        for name, value in found.items():
            self._series.setdefault(name, series.Series()).push(value)
        series.store(file, {name: self._series[name] for name in found})
