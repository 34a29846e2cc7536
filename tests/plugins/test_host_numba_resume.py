"""Determinism: neither threads nor interruptions leave a trace in a network."""

from __future__ import annotations

from time import process_time

import numpy as np
import pytest

from hanami_core.compute import Run
from hanami_core.testing.hosts import host_context
from hanami_plugins.host_numba import section_network
from hanami_plugins.host_numba import thread_pool as pool_module
from hanami_plugins.host_numba.host import CpuHost
from tests.kernels import KERNELS
from tests.plugins.engine_kit import ALWAYS, CLASSES, WIDTH, answers, blobs, network, one_hot, reopened, rows, trained


@pytest.fixture(scope="module")
def host() -> CpuHost:
    host = CpuHost("cpu0", 1)
    host.start(host_context(KERNELS))
    return host


# Determinism


def test_the_seed_decides(host: CpuHost) -> None:
    first, again, other = (trained(host, seed=seed).state().digest() for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize("blocks", [1, 2, 5])
def test_any_number_of_threads_makes_the_same_network(monkeypatch: pytest.MonkeyPatch, blocks: int) -> None:
    monkeypatch.setattr(section_network, "THREAD_WORK", 0)
    digests, said = set(), []
    host = CpuHost("cpu0", 1)
    for threads in (1, 2, 3, 4):
        host.thread_pool = pool_module.ThreadPool(threads)
        live = trained(host, 3000, blocks=blocks)
        digests.add(live.state().digest())
        said.append(answers(live, blobs(999, seed=2)[0]))
    assert len(digests) == 1
    assert all((said[0] == other).all() for other in said)


def test_it_does_not_matter_how_much_a_call_does(host: CpuHost, monkeypatch: pytest.MonkeyPatch) -> None:
    digests = set()
    for seconds in (0.0, 0.0003, 10.0):
        monkeypatch.setattr(pool_module, "CALL_SECONDS", seconds)
        digests.add(trained(host, 2000).state().digest())
    assert len(digests) == 1


# Interruption


@pytest.mark.usefixtures("often")
def test_a_run_stopped_at_any_step_ends_the_same(host: CpuHost) -> None:
    data = rows(*blobs(64 * 9 + 10))
    whole = network(host, {"in": WIDTH}, {"out": CLASSES})
    steps: list[int] = []
    whole.train(data, Run(lambda cycle: steps.append(cycle) is None))
    assert steps == [*range(64, 64 * 10, 64), 64 * 9 + 10]
    for stop in steps:
        part = network(host, {"in": WIDTH}, {"out": CLASSES})
        part.train(data, Run(lambda cycle, stop=stop: cycle < stop))  # type: ignore[misc]
        assert part.head.cycles == stop
        rest = reopened(part, host)
        rest.train(data, Run(lambda cycle: True, stop))
        assert rest.state().digest() == whole.state().digest()


@pytest.mark.usefixtures("often")
def test_a_snapshot_taken_in_a_step_can_be_continued(host: CpuHost) -> None:
    data = rows(*blobs(500))
    live = trained(host, 200)
    snapshots = {}
    live.train(data, Run(lambda cycle: snapshots.update({cycle: reopened(live, host)}) is None))
    for cycle, snapshot in snapshots.items():
        snapshot.train(data, Run(lambda cycle: True, cycle))
        assert snapshot.state().digest() == live.state().digest()


@pytest.mark.usefixtures("often")
def test_an_error_in_a_step_leaves_a_sound_network(host: CpuHost) -> None:
    def step(cycle: int) -> bool:
        raise RuntimeError("no lease")

    live = network(host, {"in": WIDTH}, {"out": CLASSES})
    with pytest.raises(RuntimeError, match="no lease"):
        live.train(rows(*blobs(500)), Run(step))
    live.train(rows(*blobs(500)), Run(lambda cycle: True, live.head.cycles))
    assert live.state().digest() == trained(host, 500).state().digest()


def test_a_stored_network_goes_on_like_the_one_in_memory(host: CpuHost) -> None:
    live = trained(host)
    other = reopened(live, host)
    for network_ in (live, other):
        network_.train(rows(*blobs(300, seed=3)), ALWAYS)
    assert live.state().digest() == other.state().digest()


@pytest.mark.usefixtures("often")
def test_a_request_can_be_stopped_and_continued(host: CpuHost) -> None:
    live = trained(host)
    values = blobs(1000, seed=2)[0]
    whole, parts = answers(live, values), np.zeros((1000, CLASSES), np.float32)
    steps: list[int] = []
    live.request(rows(values), {"out": parts}, Run(lambda cycle: bool(steps.append(cycle))))
    assert 0 < steps[0] < 1000
    assert not parts[steps[0] :].any()
    live.request(rows(values), {"out": parts}, Run(lambda cycle: True, steps[0]))
    np.testing.assert_array_equal(parts, whole)


def test_steps_come_often(host: CpuHost) -> None:
    random = np.random.default_rng(1)
    values = random.integers(0, 255, (6000, 1500), dtype=np.uint8)
    live = network(host, {"in": 1500}, {"out": 2}, blocks=4)
    moments = [process_time()]
    live.train(
        rows(values, one_hot(random.integers(0, 2, 6000), 2)), Run(lambda cycle: moments.append(process_time()) is None)
    )
    live.request(rows(values), {}, Run(lambda cycle: moments.append(process_time()) is None))
    assert max(np.diff(moments)) < 0.25


def test_a_run_that_is_already_done_does_nothing(host: CpuHost) -> None:
    live = trained(host)
    before = live.state().digest()
    live.train(rows(*blobs(600)), Run(lambda cycle: True, 600))
    live.train(rows(*blobs(0)), ALWAYS)
    assert live.state().digest() == before
    assert answers(live, blobs(0)[0]).shape == (0, CLASSES)
