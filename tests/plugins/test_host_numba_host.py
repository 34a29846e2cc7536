"""The processor as a host: from its start to its stop."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from hanami_core.compute import ComputeHost, HostContext, LiveNetwork, NetworkRules
from hanami_core.machine_memory import Memory, memory
from hanami_core.network import Template
from hanami_core.testing.hosts import UUID, HostConformance, host_context
from hanami_core.testing.networks import ALWAYS, easy_rows, line
from hanami_plugins import host_numba
from hanami_plugins.host_numba import host as host_module
from hanami_plugins.host_numba.host import CpuHost, thread_pool_of
from tests.kernels import KERNELS
from tests.mine import MineHost
from tests.plugins.test_host_numba_deep import line as deep_line

pytestmark = pytest.mark.slow

GIB = 1 << 30


class TestCpuHost(HostConformance):
    @pytest.fixture
    def host(self) -> ComputeHost:
        return CpuHost("cpu0", 2)

    @pytest.fixture
    def rule_sets(self) -> list[NetworkRules]:
        return host_numba.hanami_network_rules()

    @pytest.fixture
    def context(self) -> HostContext:
        return host_context(KERNELS)


def test_it_has_the_threads_that_its_process_may_use() -> None:
    host = CpuHost("cpu0", 0)
    host.start(host_context(KERNELS, threads=3))
    assert host.thread_pool.size == host.describe().threads == 3
    narrow = CpuHost("cpu1", 2)
    narrow.start(host_context(KERNELS, threads=3))
    assert narrow.describe().threads == 2


def test_it_compiles_in_the_background_until_it_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []

    class BackgroundCompiler:
        def __init__(self, cache: Path, *, beside: Sequence[str]) -> None:
            said.append(f"compiling into {cache.parent.name}")

        def wait(self, part: str) -> None:
            said.append(f"waiting for {part}")

        def stop(self) -> None:
            said.append("stopped")

    monkeypatch.setattr(host_module, "BackgroundCompiler", BackgroundCompiler)
    host = CpuHost("cpu0", 1)
    host.start(host_context(KERNELS))
    assert thread_pool_of(host, "deep") is host.thread_pool
    host.stop()
    assert said == []
    host.start(host_context(KERNELS, background=True))
    assert thread_pool_of(host, "deep") is host.thread_pool
    host.stop()
    assert said == [f"compiling into {KERNELS.name}", "waiting for deep", "stopped"]


def test_networks_on_a_host_of_somebody_else_have_a_thread_of_their_own() -> None:
    assert thread_pool_of(MineHost("mine0"), "deep").size == 1


@pytest.mark.parametrize(
    ("number", "template"), [(0, line()), (0, deep_line(4)), (1, line())], ids=["flat", "deep", "synapse"]
)
def test_a_closed_network_leaves_no_memory_behind(number: int, template: Template) -> None:
    host = CpuHost("cpu0", 1)
    host.start(host_context(KERNELS))
    rules = host_numba.hanami_network_rules()[number]
    network = rules.open(rules.create(template, 1), host)
    network.resize(*easy_rows().sizes())
    network.train(easy_rows(), ALWAYS)
    network.request_one({"in": np.zeros(20, np.float32)})
    arrays = held(network)
    assert len(arrays) > 5
    network.close()
    assert [name for name, array in arrays if array() is not None] == []


def held(network: LiveNetwork) -> list[tuple[str, weakref.ref[np.ndarray]]]:
    """Return weak references to the arrays that a network consists of."""
    net = network._memory.net  # type: ignore[attr-defined]
    arrays = {name: array for name, array in net._asdict().items() if isinstance(array, np.ndarray) and array.size}
    return [(name, weakref.ref(array)) for name, array in arrays.items()]


# -- memory ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "proc").mkdir()
    (tmp_path / "sys/fs/cgroup").mkdir(parents=True)
    lines = f"MemTotal: {8 << 20} kB\nMemFree: 1 kB\nMemAvailable:  {6 << 20} kB\nHugePages_Total:       0\n"
    (tmp_path / "proc/meminfo").write_text(lines)
    return tmp_path


def limit(root: Path, most: str, used: int) -> None:
    (root / "sys/fs/cgroup/memory.max").write_text(most + "\n")
    (root / "sys/fs/cgroup/memory.current").write_text(f"{used}\n")


def test_memory_of_the_machine(root: Path) -> None:
    assert memory(root) == Memory(8 * GIB, 6 * GIB)


@pytest.mark.parametrize(
    ("most", "used", "found"),
    [
        ("max", GIB, Memory(8 * GIB, 6 * GIB)),
        (str(16 * GIB), GIB, Memory(8 * GIB, 6 * GIB)),
        (str(4 * GIB), GIB, Memory(4 * GIB, 3 * GIB)),
        (str(7 * GIB), 0, Memory(7 * GIB, 6 * GIB)),
        (str(4 * GIB), 5 * GIB, Memory(4 * GIB, 0)),
    ],
)
def test_a_container_has_what_it_is_limited_to(root: Path, most: str, used: int, found: Memory) -> None:
    limit(root, most, used)
    assert memory(root) == found


def test_a_machine_that_tells_nothing(tmp_path: Path) -> None:
    assert memory(tmp_path) == Memory(0, 0)


def test_this_machine_has_memory() -> None:
    host = CpuHost("cpu0", 1)
    host.start(host_context(KERNELS))
    found = host.describe()
    assert found.memory > found.free_memory > 0
    assert (found.name, found.kind, found.uuid, found.healthy, found.reason) == ("cpu0", "cpu", UUID, True, "")
