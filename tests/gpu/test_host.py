"""A GPU as a host, in one process: it keeps the contract, and gives back what networks had."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from hanami_core.compute import ComputeHost, HostContext, NetworkRules
from hanami_core.errors import Unavailable
from hanami_core.network import NetworkState, in_a_line
from hanami_core.testing.hosts import HostConformance, host_context
from hanami_plugins.host_cupy.device import Device
from hanami_plugins.host_cupy.host import CudaHost, device_of
from tests.gpu.emulator.switchboard import Switchboard
from tests.gpu.sums import SumsRules
from tests.lengths import choose
from tests.mine import MineHost
from tests.server.harness import until

RULES = SumsRules("cuda")


@pytest.fixture
def host(board: Switchboard, tmp_path: Path) -> Iterator[CudaHost]:
    made = CudaHost("gpu0", 0, 0.05)
    made.start(host_context(tmp_path))
    yield made
    made.stop()


class TestCudaHost(HostConformance):
    @pytest.fixture
    def host(self, board: Switchboard) -> ComputeHost:
        return CudaHost("gpu0", 0)

    @pytest.fixture
    def rule_sets(self) -> list[NetworkRules]:
        return [RULES]


def trained(size: int) -> NetworkState:
    state = RULES.create(in_a_line(["in"], ["out"]), 1)
    state.head.outputs["out"] = size
    state.arrays["out"] = np.ones(size, np.float32)
    return state


def test_networks_that_come_and_go_leave_nothing(host: CudaHost) -> None:
    device = host.device
    state = trained(1000)
    free = host.describe().free_memory
    for _ in range(choose(1000, 10_000)):
        RULES.open(state, host).close()
        assert device.held() == 0
    found = host.describe()
    assert (found.free_memory, found.network_memory) == (free, free)
    assert device.array_module.get_default_memory_pool().total_bytes() == 0


def test_what_a_network_has_is_not_free(host: CudaHost) -> None:
    before = host.describe()
    network = RULES.open(trained(1 << 20), host)
    found = host.describe()
    assert found.free_memory <= before.free_memory - (4 << 20)
    assert found.network_memory == before.network_memory, "it may be replaced by others"
    network.close()
    assert host.describe().free_memory == before.free_memory


def test_a_lost_device_asks_for_another_process(host: CudaHost, board: Switchboard) -> None:
    network = RULES.open(trained(4), host)
    board.lose()
    found = host.describe()
    assert (found.healthy, found.needs_restart, found.network_memory) == (False, True, None)
    assert found.reason == "cudaErrorUnknown: unknown error"
    assert found.model == host.describe().model != ""
    with pytest.raises(Unavailable, match=r"host unhealthy \(host gpu0.*: cudaErrorUnknown: unknown error"):
        RULES.open(trained(4), host)
    network.close()


def test_a_device_that_does_not_work_is_tried_until_it_does(
    board: Switchboard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in board.environment.items():
        monkeypatch.setenv(name, value)
    board.set(driver=None)
    host = CudaHost("gpu0", 0, 0.05)
    host.start(host_context(tmp_path, background=True))
    found = host.describe()
    assert (found.healthy, found.needs_restart) == (False, False)
    assert "cudaErrorInsufficientDriver" in found.reason
    board.set(driver=13000, capability=(7, 0))
    until(lambda: "is too old" in host.describe().reason)
    board.set(capability=(9, 0))
    until(lambda: host.describe().needs_restart)
    host.stop()
    again = CudaHost("gpu0", 0)
    again.start(host_context(tmp_path))
    assert again.describe().healthy
    again.stop()


def test_a_host_without_a_device_says_so_and_nothing_else(board: Switchboard, tmp_path: Path) -> None:
    host = CudaHost("gpu0", 0)
    assert host.describe().reason == "it was not started"
    board.set(devices=0)
    context: HostContext = host_context(tmp_path)
    host.start(context)
    found = host.describe()
    assert (found.memory, found.free_memory, found.model, found.uuid) == (0, 0, "", context.uuid)
    assert "no CUDA-capable device" in found.reason
    host.stop()


def test_hosts_of_others_have_no_device() -> None:
    with pytest.raises(TypeError, match="host mine0 is no GPU of this plugin"):
        device_of(MineHost("mine0"))


def test_a_cache_that_can_not_be_written_is_left_alone(
    board: Switchboard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    monkeypatch.setenv("CUPY_CACHE_DIR", "x")
    monkeypatch.setenv("CUPY_CACHE_IN_MEMORY", "0")
    monkeypatch.delenv("CUPY_CACHE_DIR")
    (tmp_path / "file").touch()
    Device.open(0, tmp_path / "file" / "below").close()
    assert os.environ["CUPY_CACHE_IN_MEMORY"] == "1"
    monkeypatch.delenv("CUPY_CACHE_DIR")
    Device.open(0, tmp_path / "cache").close()
    assert os.environ["CUPY_CACHE_DIR"] == str(tmp_path / "cache")
