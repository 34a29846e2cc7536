"""A device: believed after a trial, locked for one server, and honest about what goes wrong."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hanami_core.errors import Unavailable
from hanami_core.sizes import size_text
from hanami_plugins.host_cupy import discovery, locks
from hanami_plugins.host_cupy.device import Device
from hanami_plugins.host_cupy.errors import DeviceError, OutOfDeviceMemory
from hanami_plugins.host_cupy.locks import DeviceLock
from tests.gpu.emulator.switchboard import Switchboard


@pytest.fixture
def device(board: Switchboard) -> Iterator[Device]:
    with closing(Device.open(0)) as opened:
        yield opened


def test_it_tells_what_it_is(device: Device) -> None:
    assert (device.name, device.capability, device.multiprocessors) == ("NVIDIA H100 80GB HBM3", (9, 0), 132)
    total, free = device.memory()
    assert total == 80 << 30
    assert 0 < free <= total


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"devices": 0}, "device 0 does not work: cudaErrorNoDevice: no CUDA-capable device is detected"),
        ({"driver": None}, "device 0 does not work: cudaErrorInsufficientDriver: .*"),
        ({"driver": 11080}, "device 0 does not work: cudaErrorInsufficientDriver: .*"),
        ({"capability": (7, 5)}, ".* is too old: it has compute capability 7.5, 8.0 is the least"),
        ({"broken_import": "libnvrtc.so.13 is missing"}, "CuPy cannot be imported: libnvrtc.so.13 is missing"),
        ({"wrong_results": True}, "NVIDIA H100 80GB HBM3 computes wrong results"),
        ({"lost": "cudaErrorUnknown"}, "device 0 does not work: cudaErrorUnknown: unknown error"),
        ({"launch_error": "cudaErrorIllegalAddress", "launch_error_number": 1}, ".*cudaErrorIllegalAddress: .*"),
        ({"taken": 80 << 30}, ".*memory.*"),
    ],
)
def test_what_does_not_work_is_refused_with_the_reason(board: Switchboard, fields: dict[str, Any], reason: str) -> None:
    board.set(**fields)
    with pytest.raises(DeviceError) as caught:
        Device.open(0)
    assert re.fullmatch(reason, caught.value.reason), caught.value.reason


def test_without_cupy_that_is_the_reason(board: Switchboard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(DeviceError, match="CuPy is not installed"):
        Device.open(0)


def test_a_number_that_no_device_has(board: Switchboard) -> None:
    with pytest.raises(DeviceError, match="there is no device 1, CUDA shows 1"):
        Device.open(1)


def test_a_failed_trial_leaves_the_device_to_others(board: Switchboard) -> None:
    board.set(wrong_results=True)
    with pytest.raises(DeviceError, match="wrong results"):
        Device.open(0)
    board.set(wrong_results=False)
    Device.open(0).close()


# -- products ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("flipped", [(False, False), (True, False), (False, True), (True, True)])
def test_products_of_parts_and_transposes(device: Device, flipped: tuple[bool, bool]) -> None:
    draw = np.random.default_rng(1)
    wide = [draw.random((9, 9), np.float32) for _ in range(3)]
    with device.use():
        a, b, out = (device.upload(values) for values in wide)
        first = a[1:5, 2:5] if not flipped[0] else a[2:5, 1:5].T
        second = b[3:6, 0:7] if not flipped[1] else b[0:7, 3:6].T
        known = device.download(first) @ device.download(second)
        np.testing.assert_allclose(device.download(device.product(first, second)), known, rtol=1e-6)
        part = out[2:6, 1:8]
        before = device.download(part)
        device.add_product(part, first, second)
        np.testing.assert_allclose(device.download(part), before + known, rtol=2e-3)
        untouched = np.ones((9, 9), bool)
        untouched[2:6, 1:8] = False
        np.testing.assert_array_equal(device.download(out)[untouched], wide[2][untouched])


def test_products_with_nothing_in_them(device: Device) -> None:
    with device.use():
        none = device.upload(np.zeros((3, 0), np.float32))
        assert device.download(device.product(none, none.T)).tolist() == [[0.0] * 3] * 3
        assert device.product(none.T, none).shape == (0, 0)


@pytest.mark.parametrize(
    ("shapes", "kind"), [(((2, 3), (2, 3)), np.float32), (((2, 3), (3, 2)), np.float64)], ids=["shapes", "types"]
)
def test_what_is_no_product_is_refused(device: Device, shapes: Any, kind: type) -> None:
    with device.use():
        a, b = (device.upload(np.zeros(shape, kind)) for shape in shapes)
        with pytest.raises(ValueError, match=r"is not|float32"):
            device.product(a, b)


# -- failures ---------------------------------------------------------------------------------------------------------


def test_memory_that_does_not_suffice_is_told_and_nothing_else_is_lost(device: Device, board: Switchboard) -> None:
    board.set(taken=79 << 30)
    free = device.memory()[1]
    with pytest.raises(OutOfDeviceMemory) as caught, device.use():
        device.array_module.empty(2 << 30, np.uint8)
    assert caught.value.parameters["needed"] == size_text(2 << 30)
    assert caught.value.parameters["free"] == size_text(free)
    device.probe()


def test_an_error_of_cuda_is_told_once_and_makes_everybody_wait(device: Device, board: Switchboard) -> None:
    with device.use():
        values = device.upload(np.zeros(4, np.float32))
    board.fail_launch("cudaErrorIllegalAddress")
    with pytest.raises(DeviceError, match="illegal memory access") as caught, device.use():
        device.kernel("probe.cu", "probe")((1,), (32,), (values, np.int32(4)))
        device.download(values)
    assert device.lost is caught.value
    with pytest.raises(Unavailable, match="illegal memory access"), device.use():
        pass
    with pytest.raises(Unavailable):
        device.memory()
    device.close()


def test_errors_of_others_are_their_own(device: Device) -> None:
    with pytest.raises(ZeroDivisionError), device.use():
        raise ZeroDivisionError
    with pytest.raises(MemoryError), device.use():
        raise MemoryError
    device.probe()


def test_a_lost_device_is_noticed_by_a_look_at_its_memory(device: Device, board: Switchboard) -> None:
    board.lose()
    with pytest.raises(DeviceError, match="unknown error"):
        device.memory()
    board.come_back()
    with pytest.raises(Unavailable):
        device.memory()


def test_memory_is_given_back(device: Device, board: Switchboard) -> None:
    device.release()
    before = device.array_module.cuda.Device(0).mem_info[0]
    with device.use():
        values = device.upload(np.zeros(1 << 20, np.uint8))
        rest = device.upload(np.zeros(1 << 20, np.uint8))
    assert device.held() == 2 << 20
    del values
    device.release(1 / 16)
    assert device.array_module.cuda.Device(0).mem_info[0] == before - (2 << 20), "it is kept for later"
    board.set(taken=79 << 30)
    device.release(1 / 16)
    board.set(taken=0)
    assert device.array_module.cuda.Device(0).mem_info[0] == before - (1 << 20), "others have little"
    del rest
    device.release(1 / 16)
    assert device.array_module.cuda.Device(0).mem_info[0] == before


# -- locks ------------------------------------------------------------------------------------------------------------

HOLD = """
import os, sys
from pathlib import Path
from hanami_plugins.host_cupy import locks
if len(sys.argv) > 2:
    os.setgroups([])
    os.setgid(int(sys.argv[2]))
    os.setuid(int(sys.argv[2]))
locks.DIRECTORY = Path(sys.argv[1])
lock = locks.DeviceLock.take("0000:01:00.0", "card")
print("has it", flush=True)
sys.stdin.read()
"""

NOBODY = "65534"


def hold(folder: Path, *user: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-P", "-c", HOLD, str(folder), *user]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory for lock files in which all users may write."""
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o1777)
    for parent in folder.parents[:4]:
        if parent.stat().st_uid == os.getuid() and parent != Path("/tmp"):
            parent.chmod(parent.stat().st_mode | 0o011)
    monkeypatch.setattr(locks, "DIRECTORY", folder)
    return folder


def test_the_second_of_two_is_told_who_has_the_device(shared: Path) -> None:
    with hold(shared) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "has it\n"
        with pytest.raises(DeviceError, match=f"card at 0000:01:00.0 is in use .*, process {holder.pid}$"):
            DeviceLock.take("0000:01:00.0", "card")
        DeviceLock.take("0000:02:00.0", "card").release()
        holder.kill()
    DeviceLock.take("0000:01:00.0", "card").release()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")
def test_users_share_the_locks(shared: Path) -> None:
    DeviceLock.take("0000:01:00.0", "card").release()
    with hold(shared, NOBODY) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "has it\n"
        with pytest.raises(DeviceError, match="in use"):
            DeviceLock.take("0000:01:00.0", "card")
        other.kill()


def test_a_link_of_somebody_else_is_not_followed(shared: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    (shared / "hanami-device-0000-01-00.0.lock").symlink_to(victim)
    with pytest.raises(DeviceError, match="cannot be opened to lock card"):
        DeviceLock.take("0000:01:00.0", "card")
    assert not victim.exists()


# -- discovery --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("nodes", "listed", "visible", "expected"),
    [
        ([], [], None, 0),
        (["null", "nvidiactl", "nvidia-uvm", "nvidia0", "nvidia1"], [], None, 2),
        ([], ["0000:01:00.0", "0000:02:00.0", "0000:03:00.0"], None, 3),
        (["nvidia0", "nvidia1"], [], "1", 1),
        (["nvidia0", "nvidia1"], [], "", 0),
        (["nvidia0", "nvidia1"], [], "-1", 0),
        (["nvidia0", "nvidia1"], [], "0,-1,1", 1),
        (["nvidia0"], [], "0,1", 1),
    ],
)
def test_devices_are_counted_without_cuda(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    nodes: list[str],
    listed: list[str],
    visible: str | None,
    expected: int,
) -> None:
    for folder, names in (("dev", nodes), ("gpus", listed)):
        (tmp_path / folder).mkdir()
        for name in names:
            (tmp_path / folder / name).touch()
    monkeypatch.setattr(discovery, "NODES", tmp_path / "dev")
    monkeypatch.setattr(discovery, "LISTED", tmp_path / "gpus")
    assert discovery.count(visible) == expected
    if not expected:
        assert ("hides every GPU" in discovery.absence(visible)) == bool(nodes)


def test_where_there_is_no_driver_there_is_no_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "NODES", tmp_path)
    monkeypatch.setattr(discovery, "LISTED", tmp_path / "missing")
    assert discovery.count(None) == 0
