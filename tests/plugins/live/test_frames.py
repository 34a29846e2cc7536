"""Where frames are run, and what becomes of those that are large, heavy or meet a network in use."""

from __future__ import annotations

import asyncio
import struct
import threading
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanami_core.errors import BadRequest
from hanami_plugins.clusters import Cluster, LiveClusters
from hanami_plugins.clusters.live_cluster import LiveCluster
from hanami_plugins.direct_io import session as sessions
from hanami_plugins.direct_io.buffers import SocketBuffers
from hanami_plugins.direct_io.frames import FrameThreads, is_heavy, note_cost
from hanami_plugins.direct_io.messages import (
    CLUSTER_IO,
    MAX_VALUES,
    REQUEST,
    TRAIN,
    read_frame,
    values_of,
    write_results,
)
from tests.plugins.live.kit import Talk, answer, request, told, train


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let frames cost nothing unless a test says so, however busy the machine is."""
    monkeypatch.setattr(sessions, "time", SimpleNamespace(perf_counter=lambda: 0.0))


def trained(talk: Talk) -> Talk:
    """Let a session know what its frames cost."""
    talk.train()
    answer(talk.session.receive(request([1.0, 0.0])))
    return talk


def at_once(talk: Talk, message: bytes) -> bool:
    """Tell whether a message is answered in the event loop."""
    result = talk.session.receive(message)
    assert answer(result)
    return isinstance(result, bytes)


# -- threads ----------------------------------------------------------------------------------------------------------


def test_the_first_frame_of_a_kind_runs_in_a_thread_and_light_ones_at_once(talk: Talk) -> None:
    assert [at_once(talk, message) for message in train([1.0, 0.0], [1.0, 0.0])] == [True, False]
    trained(talk)
    for message in (*train([1.0, 0.0], [1.0, 0.0]), request([1.0, 0.0])):
        assert at_once(talk, message)


def test_heavy_frames_run_in_a_thread(talk: Talk) -> None:
    trained(talk).live.light[REQUEST] = 1.0
    result = talk.session.receive(request([1.0, 0.5]))
    assert not isinstance(result, bytes)
    assert answer(result) == answer(talk.session.receive(request([1.0, 0.5])))


def test_a_network_that_grows_does_so_in_a_thread(talk: Talk) -> None:
    trained(talk).live.light.update({TRAIN: 1e9, REQUEST: 1e9})
    assert [at_once(talk, message) for message in train([1.0, 0.0, 1.0], [1.0, 0.0])] == [True, False]


def test_the_cost_of_a_frame_grows_slowly_with_what_was_measured_and_shrinks_at_once() -> None:
    live, buffers = LiveCluster("c"), SocketBuffers()
    buffers._inputs = {"a": np.ones(100, np.float32), "b": np.zeros(300, np.float32)}
    assert buffers.weight() == 100
    assert is_heavy(live, TRAIN, 400, buffers.weight)
    note_cost(live, TRAIN, 100, 0.001)
    assert live.light == {TRAIN: pytest.approx(200)}
    assert not is_heavy(live, TRAIN, 400, buffers.weight)
    note_cost(live, TRAIN, 100, 0.003)
    assert live.light == {TRAIN: pytest.approx(200 / 1.5)}
    note_cost(live, TRAIN, 100, 10.0)
    assert live.light == {TRAIN: pytest.approx(200 / 1.5 / 1.75)}, "one measurement far out has counted too much"
    assert not is_heavy(live, TRAIN, 76, buffers.weight)
    assert is_heavy(live, TRAIN, 400, lambda: 77)
    assert is_heavy(live, REQUEST, 400, buffers.weight)
    note_cost(live, TRAIN, 100, 0.0005)
    assert live.light == {TRAIN: pytest.approx(400)}, "nothing but the frame itself makes it take less time"


def test_a_network_that_becomes_heavy_is_found_out() -> None:
    live, buffers = LiveCluster("c"), SocketBuffers()
    for seconds in [0.00005] + [0.01] * 20:
        note_cost(live, TRAIN, buffers.weight(), seconds)
    assert is_heavy(live, TRAIN, 400, buffers.weight)


def test_few_values_do_not_make_a_heavy_network_light(talk: Talk) -> None:
    trained(talk).live.light.clear()
    note_cost(talk.live, REQUEST, talk.session._buffers.weight(), 0.003)
    assert not at_once(talk, request([1.0, 0.0]))


def test_a_frame_waits_in_a_thread_for_whoever_copies_the_network(talk: Talk) -> None:
    trained(talk)
    with talk.live.lock:
        result = talk.session.receive(request([1.0, 0.0]))
    assert not isinstance(result, bytes)
    assert answer(result)


def test_a_frame_that_waits_longer_than_patience_still_waits_for_other_frames(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "PATIENCE_SECONDS", 0.001)
    trained(talk)
    lock, tried = talk.live.lock, threading.Event()

    class Watched:
        def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
            taken = lock.acquire(blocking, timeout)
            if blocking and not taken:
                tried.set()
            return taken

        def release(self) -> None:
            lock.release()

    talk.live.lock = Watched()  # type: ignore[assignment]

    async def scenario() -> bytes:
        with lock:
            waiting = asyncio.ensure_future(talk.session.receive(request([1.0, 0.0])))  # type: ignore[arg-type]
            await asyncio.to_thread(tried.wait, 10)
        return await waiting

    assert asyncio.run(scenario())


def test_a_frame_that_meets_a_task_in_a_thread_is_told_so(
    clusters: LiveClusters, cluster: Cluster, talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "PATIENCE_SECONDS", 0.001)
    trained(talk)
    talk.live.light.clear()
    result = talk.session.receive(request([1.0, 0.0]))
    with clusters.working(cluster.uuid), pytest.raises(BadRequest) as error:
        answer(result)
    assert told(error.value) == "a task works with the cluster, try again later"


# -- order ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def threads() -> Any:
    made = FrameThreads(2)
    yield made
    made.close()


def test_work_of_one_cluster_is_done_in_order_and_of_several_side_by_side(threads: FrameThreads) -> None:
    go_on, done = threading.Event(), []
    slow = [threads.submit("a", lambda n=n: (go_on.wait(10), done.append(n))) for n in range(20)]  # type: ignore[misc]
    assert threads.submit("b", lambda: "quick").result(10) == "quick"
    assert done == []
    go_on.set()
    for future in slow:
        future.result(10)
    assert done == list(range(20))


def test_work_that_fails_or_is_not_wanted_any_more_stops_nobody(threads: FrameThreads) -> None:
    go_on = threading.Event()
    threads.submit("a", lambda: go_on.wait(10))
    unwanted: Future[Any] = threads.submit("a", lambda: pytest.fail("it was cancelled"))
    broken = threads.submit("a", lambda: 1 / 0)
    last = threads.submit("a", lambda: "done")
    assert unwanted.cancel()
    go_on.set()
    assert last.result(10) == "done"
    with pytest.raises(ZeroDivisionError):
        broken.result()


# -- large messages ---------------------------------------------------------------------------------------------------


def test_large_messages_are_read_in_a_thread_and_mean_the_same(talk: Talk) -> None:
    values = np.linspace(0, 1, 20_000, dtype=np.float32)
    first, last = train(values, [1.0, 0.0])
    result = talk.session.receive(first)
    assert not isinstance(result, bytes)
    assert answer(result)
    assert answer(talk.session.receive(last))
    assert talk.live.network.head.inputs == {"in": 20_000}
    assert values_of(read_frame(first)).tolist() == values.tolist()


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("x" * 50_000, "expected a binary ClusterIO-Message, got a text"),
        (b"\xff" * 50_000, "Got invalid ClusterIO-Message"),
        (request([0.0] * (MAX_VALUES + 1)), f"a buffer holds 1 to {MAX_VALUES} values, got {MAX_VALUES + 1}"),
        (request([float("nan")] * 20_000), "bufferName 'in': values must be finite"),
    ],
    ids=["text", "broken", "long", "nan"],
)
def test_large_messages_are_refused_as_small_ones(talk: Talk, message: bytes | str, text: str) -> None:
    with pytest.raises(BadRequest) as error:
        answer(talk.session.receive(message))
    assert told(error.value) == text


@pytest.mark.parametrize("count", [1, 8191, 8192, 8193, 50_000])
def test_results_of_any_length_arrive(count: int) -> None:
    values = np.arange(count, dtype=np.float32)
    io = CLUSTER_IO.message.FromString(write_results("out", values))
    assert (io.bufferName, io.isLast, io.numberOfValues, list(io.values)) == ("out", False, count, values.tolist())


# -- ways to write the same values ------------------------------------------------------------------------------------

VALUES_TAG = 6


def packed(values: list[float]) -> bytes:
    return bytes((VALUES_TAG << 3 | 2, 4 * len(values))) + struct.pack(f"<{len(values)}f", *values)


def single(value: float) -> bytes:
    return bytes((VALUES_TAG << 3 | 5,)) + struct.pack("<f", value)


floats = st.floats(-1e6, 1e6, width=32)
pieces = st.lists(st.one_of(st.builds(packed, st.lists(floats, max_size=5)), st.builds(single, floats)), max_size=4)


@given(pieces, st.integers(0, 6), st.sampled_from([b"", b"\x10\x00", b"\x7a\x03abc"]))
def test_a_message_means_the_same_however_its_values_are_packed(parts: list[bytes], told: int, more: bytes) -> None:
    message = CLUSTER_IO.message(bufferName="in", isLast=True, numberOfValues=told).SerializeToString()
    message += more + b"".join(parts)
    wanted = CLUSTER_IO.message.FromString(message)
    if len(wanted.values) != told:
        with pytest.raises(BadRequest) as error:
            read_frame(message)
        assert error.value.code == "frame_count"
    else:
        assert list(read_frame(message).values) == list(wanted.values)
