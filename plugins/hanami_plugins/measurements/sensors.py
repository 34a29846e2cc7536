"""The sensors of the processors, as Linux shows them. A machine, virtual ones above all, may have none of them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import fmean

POWER, TEMPERATURE, SPEED = "power", "temperature", "speed"
MOST_WATTS = 1e6
"""What a counter that was reset seems to say is not a measurement."""

_CHIPS = re.compile("coretemp|k10temp|zenpower|cpu_thermal")
_ZONES = re.compile("x86_pkg_temp|(cpu|soc)[-_]thermal")
_MEGAHERTZ = re.compile(r"^cpu MHz\s*: ([0-9.]+)$", re.MULTILINE)


class Sensors:
    """Reads power in W, temperature in °C and speed in MHz; a value that cannot be had is None."""

    def __init__(self, root: Path = Path("/"), clock: Callable[[], float] = time.monotonic) -> None:
        """Look for sensors below `root`, where ``sys`` and ``proc`` are."""
        sys, self._clock = root / "sys", clock
        packages = _named(sys, "class/powercap/*:*", "name", re.compile("package"))
        chips = _named(sys, "class/hwmon/*", "name", _CHIPS)
        zones = _named(sys, "class/thermal/thermal_zone*", "type", _ZONES)
        self._counters = [package / "energy_uj" for package in packages]
        self._heat = [file for chip in chips for file in _find(chip, "temp*_input")] or [
            zone / "temp" for zone in zones
        ]
        self._clocks = _find(sys, "devices/system/cpu/cpu[0-9]*/cpufreq/scaling_cur_freq")
        self._cpuinfo = root / "proc" / "cpuinfo"
        self._energy: tuple[float, float] | None = None

    def read(self) -> dict[str, float | None]:
        """Return all values by name."""
        return {POWER: self._power(), TEMPERATURE: _mean(self._heat, 1e3), SPEED: self._speed()}

    def _power(self) -> float | None:
        joules = [micro / 1e6 for file in self._counters if (micro := number(file)) is not None]
        if not joules:
            return None
        now, before = (self._clock(), sum(joules)), self._energy
        self._energy = now
        if before is None or now[0] <= before[0]:
            return 0.0
        watts = (now[1] - before[1]) / (now[0] - before[0])
        return watts if 0 <= watts <= MOST_WATTS else 0.0

    def _speed(self) -> float | None:
        scaled = _mean(self._clocks, 1e3)
        if scaled is not None:
            return scaled
        found = _MEGAHERTZ.findall(_text(self._cpuinfo))
        return fmean(map(float, found)) if found else None


def number(file: Path) -> float | None:
    """Return the number that a file holds, or None."""
    try:
        return float(file.read_text())
    except (OSError, ValueError):
        return None


def _mean(files: Iterable[Path], unit: float) -> float | None:
    found = [value / unit for file in files if (value := number(file)) is not None]
    return fmean(found) if found else None


def _text(file: Path) -> str:
    try:
        return file.read_text(errors="replace").strip()
    except OSError:
        return ""


def _find(directory: Path, pattern: str) -> list[Path]:
    return sorted(directory.glob(pattern))


def _named(directory: Path, pattern: str, file: str, name: re.Pattern[str]) -> list[Path]:
    return [found for found in _find(directory, pattern) if name.match(_text(found / file))]
