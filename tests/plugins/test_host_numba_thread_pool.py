"""Threads of a host: when they are used, and that nobody sees it in what a network learns."""

from __future__ import annotations

from threading import Thread

import pytest

from hanami_core.priority import LOWEST, STEP, niceness, step_back
from hanami_core.testing.hosts import host_context
from hanami_plugins.host_numba import section_network
from hanami_plugins.host_numba import thread_pool as pool_module
from hanami_plugins.host_numba.host import CpuHost
from tests.kernels import KERNELS
from tests.plugins.engine_kit import ALWAYS, CLASSES, WIDTH, blobs, network, rows, trained


@pytest.fixture(scope="module")
def host() -> CpuHost:
    host = CpuHost("cpu0", 1)
    host.start(host_context(KERNELS))
    return host


class Oversubscribed(pool_module.ThreadPool):
    """A pool whose threads find each other waiting too long every other time."""

    def __init__(self) -> None:
        super().__init__(2)
        self.calls = 0
        self.notes: list[bool] = []

    def run(self, parts: int, function, sync, *args):  # type: ignore[no-untyped-def]
        self.calls += 1
        sync[1] = 10**9 * (self.calls % 2)
        return super().run(parts, function, sync, *args)

    def note(self, oversubscribed: bool) -> None:
        self.notes.append(oversubscribed)


@pytest.mark.usefixtures("often")
def test_crowded_threads_give_up_without_a_trace(host: CpuHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(section_network, "THREAD_WORK", 0)
    live, pool = network(host, {"in": WIDTH}, {"out": CLASSES}), Oversubscribed()
    monkeypatch.setattr(live, "_thread_pool", pool)
    live.train(rows(*blobs(600)), ALWAYS)
    assert live.state().digest() == trained(host).state().digest()
    assert sum(pool.notes) >= 5


def test_a_crowded_team_leaves_work_to_one_thread_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = pool_module.ThreadPool(2)
    assert pool.run(2, lambda thread, threads: (thread, threads)) == [(0, 2), (1, 2)]
    pool.note(oversubscribed=True)
    assert pool.run(2, lambda thread, threads: (thread, threads)) == [(0, 1)]
    monkeypatch.setattr(pool_module, "monotonic", lambda: 1e9)
    assert len(pool.run(2, lambda thread, threads: thread)) == 2


def test_all_threads_of_a_call_have_the_priority_of_the_caller() -> None:
    pool, found = pool_module.ThreadPool(3), list[list[int]]()

    def work(steps: int) -> None:
        if steps:
            step_back(steps)
        found.append(pool.run(3, lambda thread, threads: niceness()))

    for steps in (2, 0, 1):
        thread = Thread(target=work, args=(steps,))
        thread.start()
        thread.join(10)
    assert found == [[min(niceness() + steps * STEP, LOWEST)] * 3 for steps in (2, 0, 1)]


def calls(tuner: pool_module.Autotuner, shared: float, alone: float, count: int, threads: int = 2) -> list[int]:
    """Return how many threads each call asked for, where a cycle takes one time or the other."""
    asked = []
    for _ in range(count):
        asked.append(tuner.parts(2))
        split = min(asked[-1], threads) > 1
        tuner.note(split, shared if split else alone)
    return asked


def test_several_threads_are_used_where_they_pay() -> None:
    tuner = pool_module.Autotuner()
    period = pool_module.TRIAL_CALLS
    assert calls(tuner, 1.0, 1.6, period).count(1) == 1
    assert calls(tuner, 1.6, 1.0, period)[6:] == [1] * (period - 6)
    assert calls(tuner, 1.6, 1.0, 10 * period).count(2) == 10
    assert calls(tuner, 0.9, 1.0, period)[6:] == [2] * (period - 6)


def test_a_little_less_time_changes_nothing() -> None:
    assert calls(pool_module.Autotuner(), 1.0, 0.96, 100).count(1) == 6


def test_an_interruption_of_a_call_changes_nothing() -> None:
    tuner = pool_module.Autotuner()
    for call in range(pool_module.TRIAL + 2):
        shared = tuner.parts(2) > 1
        tuner.note(shared, 3.0 if call == pool_module.TRIAL - 1 else 1.0 if shared else 1.6)
    assert tuner.parts(2) == 2


def test_a_trial_is_short() -> None:
    tuner = pool_module.Autotuner()
    sizes = []
    for _ in range(pool_module.TRIAL_CALLS):
        sizes.append(tuner.units(80))
        tuner.note(tuner.parts(2) > 1, 1.0)
    assert sorted(set(sizes)) == [10, 80]
    assert sizes.count(10) == 1


def test_threads_that_others_have_are_not_blamed() -> None:
    tuner = pool_module.Autotuner()
    assert calls(tuner, 1.6, 1.0, 64, threads=1).count(2) == 60
    assert calls(tuner, 1.0, 1.6, 64).count(2) == 60


def test_two_users_of_a_team_never_wait_for_each_other() -> None:
    pool = pool_module.ThreadPool(2)
    inner: list[int] = []
    outer = pool.run(2, lambda thread, threads: inner.append(len(pool.run(2, lambda *_: 0))) or threads)
    assert outer == [2, 2]
    assert inner == [1, 1]


def test_networks_at_work_share_the_threads() -> None:
    pool = pool_module.ThreadPool(4)
    sizes = []
    with pool.joined():
        sizes.append(pool.run(8, lambda thread, threads: threads)[0])
        with pool.joined():
            sizes.append(pool.run(8, lambda thread, threads: threads)[0])
            with pool.joined(), pool.joined(), pool.joined():
                sizes.append(pool.run(8, lambda thread, threads: threads)[0])
    sizes.append(pool.run(3, lambda thread, threads: threads)[0])
    assert sizes == [4, 2, 1, 3]


def test_a_call_gets_threads_that_nobody_has() -> None:
    pool = pool_module.ThreadPool(4)
    inner: list[int] = []
    with pool.joined(), pool.joined():
        outer = pool.run(2, lambda thread, threads: inner.append(len(pool.run(4, lambda *_: 0))) or threads)
    assert outer == [2, 2]
    assert sorted(inner) in ([1, 2], [2, 2])
    assert len(pool.run(4, lambda *_: 0)) == 4


@pytest.mark.parametrize("blocks", [1, 3])
def test_networks_that_train_side_by_side_are_those_that_train_alone(
    host: CpuHost, monkeypatch: pytest.MonkeyPatch, blocks: int
) -> None:
    monkeypatch.setattr(section_network, "THREAD_WORK", 0)
    shared = CpuHost("cpu0", 1)
    shared.thread_pool = pool_module.ThreadPool(4)
    lives = [network(shared, {"in": WIDTH}, {"out": CLASSES}, seed, blocks) for seed in range(6)]
    threads = [Thread(target=live.train, args=(rows(*blobs(2000)), ALWAYS)) for live in lives]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed, live in enumerate(lives):
        assert live.state().digest() == trained(host, 2000, seed=seed, blocks=blocks).state().digest()
