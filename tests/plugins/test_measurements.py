"""The plugin `measurements`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from statistics import fmean
from types import SimpleNamespace
from typing import Any

import pytest

from hanami_core.localsocket import run_directory
from hanami_plugins.measurements import service
from hanami_plugins.measurements.machine import describe
from hanami_plugins.measurements.sampler import Sampler, series_path
from hanami_plugins.measurements.sensors import Sensors
from hanami_plugins.measurements.series import RINGS, Series, load, store
from hanami_plugins.measurements.threads import Notes
from tests.server.harness import until
from tests.whole import Whole

SIZES = dict(RINGS)
CPUS = "sys/devices/system/cpu"


def write(root: Path, files: dict[str, object]) -> None:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"{content}\n")


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """Return the root of a machine with a processor of two cores with two threads each, and all sensors."""
    root = tmp_path / "root"
    rapl = "sys/class/powercap/intel-rapl:0"
    write(root, {f"{rapl}/name": "package-0", f"{rapl}/energy_uj": 5_000_000, f"{rapl}:0/name": "core"})
    write(root, {f"{rapl}/constraint_0_max_power_uw": 65_000_000, f"{rapl}:0/energy_uj": 1})
    write(root, {"sys/class/hwmon/hwmon0/name": "nvme", "sys/class/hwmon/hwmon0/temp1_input": 30_000})
    write(root, {"sys/class/hwmon/hwmon1/name": "coretemp", "sys/class/hwmon/hwmon1/temp1_input": 50_000})
    write(root, {"sys/class/hwmon/hwmon1/temp2_input": 60_000, "proc/cpuinfo": "cpu MHz\t\t: 1000.0"})
    for cpu in range(4):
        write(root, {f"{CPUS}/cpu{cpu}/topology/physical_package_id": 0, f"{CPUS}/cpu{cpu}/topology/core_id": cpu % 2})
        write(root, {f"{CPUS}/cpu{cpu}/cpufreq/scaling_cur_freq": 2_000_000 + cpu * 1000})
        write(root, {f"{CPUS}/cpu{cpu}/cpufreq/cpuinfo_max_freq": 4_000_000})
    return root


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[Whole]:
    with Whole(tmp_path / "data") as whole:
        yield whole


def test_rings_are_full_of_zeros_at_first() -> None:
    values = Series().values
    assert {name: len(getattr(values, name)) for name in SIZES} == SIZES
    assert not any(any(getattr(values, name)) for name in SIZES)


def test_the_oldest_value_comes_first_and_goes_first() -> None:
    series = Series()
    for value in range(1, 63):
        series.push(float(value))
    assert series.values.seconds == [float(value) for value in range(3, 63)]
    assert series.values.minutes[-2:] == [0.0, fmean(range(1, 61))]


def test_the_mean_of_a_full_ring_goes_on() -> None:
    series = Series()
    for _ in range(2):
        for value in range(86_400):
            series.push(float(value))
    assert series.values.days[-3:] == [0.0, pytest.approx(43199.5), pytest.approx(43199.5)]
    assert series.values.hours[0] == fmean(range(3600))
    assert series.values.minutes[-1] == fmean(range(86_340, 86_400))
    assert {name: len(getattr(series.values, name)) for name in SIZES} == SIZES


def test_all_sensors(machine: Path) -> None:
    moments = iter((10.0, 12.0))
    sensors = Sensors(machine, lambda: next(moments))
    assert sensors.read() == {"power": 0.0, "temperature": 55.0, "speed": 2001.5}
    write(machine, {"sys/class/powercap/intel-rapl:0/energy_uj": 35_000_000})
    assert sensors.read()["power"] == 15.0


@pytest.mark.parametrize("counter", [1, 10**18])
def test_a_counter_that_jumps_is_no_power(machine: Path, counter: int) -> None:
    moments = iter((10.0, 11.0))
    sensors = Sensors(machine, lambda: next(moments))
    sensors.read()
    write(machine, {"sys/class/powercap/intel-rapl:0/energy_uj": counter})
    assert sensors.read()["power"] == 0.0


def test_thermal_zones_and_cpuinfo_are_second_choice(tmp_path: Path) -> None:
    zone = "sys/class/thermal/thermal_zone"
    write(tmp_path, {f"{zone}0/type": "acpitz", f"{zone}0/temp": 1, f"{zone}1/type": "x86_pkg_temp"})
    write(tmp_path, {f"{zone}1/temp": 42_000, "proc/cpuinfo": "cpu MHz\t\t: 1000.5\ncpu MHz\t\t: 2000.5"})
    assert Sensors(tmp_path).read() == {"power": None, "temperature": 42.0, "speed": 1500.5}


def test_a_machine_without_sensors(tmp_path: Path) -> None:
    assert Sensors(tmp_path).read() == {"power": None, "temperature": None, "speed": None}


def test_unreadable_sensors_are_none(machine: Path) -> None:
    write(machine, {"sys/class/powercap/intel-rapl:0/energy_uj": "", "sys/class/hwmon/hwmon1/temp1_input": "x"})
    assert Sensors(machine).read() == {"power": None, "temperature": 60.0, "speed": 2001.5}


def test_the_machine_is_described(machine: Path) -> None:
    found = describe(12.5, machine)
    assert found.has_hyperthreading
    (package,) = found.packages
    assert (package.id, package.thermal_spec, package.power) == (0, 65.0, 12.5)
    assert [[thread.id for thread in core.threads] for core in package.cores] == [[0, 2], [1, 3]]
    assert (package.cores[1].current_speed, package.cores[1].maximum_speed) == (2_001_000, 4_000_000)
    assert package.cores[1].minimum_speed == 0


@pytest.mark.parametrize("content", [b"", b"{", b'{"power": 1}'])
def test_a_damaged_file_is_no_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    assert load(tmp_path / "file") == {}


def test_the_next_worker_goes_on_where_the_last_one_was(whole: Whole, machine: Path) -> None:
    file = series_path(whole.runtime.settings.data_dir)
    for count in (1, 2):
        Sampler(Sensors(machine))(whole.runtime)
        assert load(file)["speed"].count == count


def test_a_schedule_measures_every_second_unless_it_is_switched_off(whole: Whole, tmp_path: Path) -> None:
    schedule = whole.runtime.plugins.schedules(whole.runtime)["measurements.sample"]
    assert schedule.seconds == 1.0
    schedule.run(whole.runtime)
    assert series_path(whole.runtime.settings.data_dir).exists()
    with Whole(tmp_path / "off", measurements__enabled=False) as off:
        assert "measurements.sample" not in off.runtime.plugins.schedules(off.runtime)


def test_measurements_are_answered(whole: Whole, machine: Path) -> None:
    Sampler(Sensors(machine))(whole.runtime)
    for path, field, value in (
        ("power_consumption", "power", 0.0),
        ("temperature_production", "temperature", 55.0),
        ("speed", "current_speed", 2001.5),
    ):
        answer = whole.call("GET", path).json
        assert list(answer) == [field]
        assert {name: len(ring) for name, ring in answer[field].items()} == SIZES
        assert answer[field]["seconds"][-1] == value


def test_what_the_machine_does_not_have_is_not_found(whole: Whole, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = lambda: Sensors(Path("/nowhere"))  # noqa: E731
    monkeypatch.setattr(service, "Sensors", nothing)
    for path, title in (
        ("power_consumption", "Power consumption"),
        ("temperature_production", "Temperature"),
        ("speed", "Speed"),
    ):
        answer = whole.call("GET", path)
        assert (answer.status_code, answer.text) == (404, f"{title} is not available on this machine")


def test_before_the_first_second_there_are_zeros(whole: Whole, machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "Sensors", lambda: Sensors(machine))
    assert whole.call("GET", "speed").json["current_speed"]["seconds"] == [0.0] * 60


def test_a_sensor_that_is_gone_is_not_answered_from_memory(whole: Whole, machine: Path) -> None:
    file = series_path(whole.runtime.settings.data_dir)
    store(file, {"power": Series(count=7)})
    Sampler(Sensors(machine / "nothing"))(whole.runtime)
    assert load(file) == {}


def test_system_info(whole: Whole) -> None:
    info = whole.call("GET", "system_info").json["info"]
    assert set(info) == {"hostname", "has_hyperthreading", "packages"}
    assert all(isinstance(package["power"], float) for package in info["packages"])


def test_threads_of_api_and_sidecars(whole: Whole) -> None:
    process: Any = SimpleNamespace(compute=None)
    run = run_directory(whole.runtime.settings.data_dir)
    notes = Notes(run, process)
    notes.start()
    process.compute = SimpleNamespace(name="cpu0")
    until(lambda: (run / "cpu0.threads").exists())
    notes.stop()
    found = whole.call("GET", "threading").json["thread_map"]
    assert {"api/MainThread", "cpu0/MainThread", "cpu0/thread-notes"} <= set(found)
    assert all(cores and all(type(core) is int for core in cores) for cores in found.values())
