"""The client for coroutines."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Coroutine
from typing import Any

import pytest

from hanami_sdk import Client, NotFoundException, TaskFailedException, WaitTimeoutException, _messages
from hanami_sdk.aio import AsyncClient

from .fake_server import TRAIN_ACK, TRAIN_DONE, Answer, C, D, FakeServer, Request
from .test_direct import FLUSH, SHARED, modes

NOT_MIRRORED = {"address", "from_environment", "open_socket", "open_stream", "retry", "timeout"}


def run(server: FakeServer, story: Any) -> Any:
    async def main() -> Any:
        async with AsyncClient(server.address, "asdf", "asdfasdf", timeout=10) as client:
            return await story(client)

    return asyncio.run(main())


def network(message: bytes) -> bytes | str:
    if message == FLUSH:
        return '{"success": true}'
    parsed = _messages.classes().cluster_io.FromString(message)
    if parsed.processType == 1:
        return TRAIN_DONE if parsed.isLast else TRAIN_ACK
    return _messages.encode_values("y", [2 * value for value in parsed.values], False, 0, 0)  # type: ignore[arg-type]


@pytest.fixture
def direct_routes(server: FakeServer) -> None:
    server.on("PUT", "/cluster/set_mode", {"uuid": C})
    server.answer_frame = network


def public(kind: type) -> dict[str, Any]:
    return {name: value for name, value in inspect.getmembers(kind) if not name.startswith("_")}


def test_it_has_all_methods_of_the_client_with_the_same_parameters() -> None:
    known = public(AsyncClient)
    for name, method in public(Client).items():
        if name in NOT_MIRRORED:
            continue
        assert list(inspect.signature(known[name]).parameters) == list(inspect.signature(method).parameters), name
        assert inspect.iscoroutinefunction(known[name]) or name in ("direct", "rows")
        assert known[name].__doc__
    assert set(known) == set(public(Client)) - NOT_MIRRORED | {"from_environment"}


def test_calls_run_at_the_same_time(server: FakeServer) -> None:
    together = threading.Barrier(3)

    def meet(request: Request) -> Answer:
        together.wait(10)
        return Answer(body={"header": ["uuid", "type"], "body": [["h", "cpu"]]})

    server.on("GET", "/host/all", meet)

    async def story(client: AsyncClient) -> Any:
        return await asyncio.gather(*(client.hosts() for _ in range(3)))

    assert [hosts[0].type for hosts in run(server, story)] == ["cpu"] * 3
    assert len(server.logins) == 1


def test_rows_come_page_by_page(server: FakeServer) -> None:
    pages = [{"header": ["uuid"], "body": [["a"], ["b"]], "next": "2"}, {"header": ["uuid"], "body": [], "next": None}]
    server.on("GET", "/dataset/all", lambda request: Answer(body=pages[request.query.get("after") == "2"]))

    async def story(client: AsyncClient) -> Any:
        return [row["uuid"] async for row in client.rows("/dataset/all", 2)]

    assert run(server, story) == ["a", "b"]
    assert [request.query for request in server.requests] == [{"limit": "2"}, {"limit": "2", "after": "2"}]


def test_errors_are_those_of_the_client(server: FakeServer) -> None:
    server.on("GET", "/cluster", "no cluster", status=404)
    with pytest.raises(NotFoundException, match="no cluster"):
        run(server, lambda client: client.cluster(C))


def states(server: FakeServer, *names: str) -> None:
    left = list(names)
    server.on("POST", "/task/train", {"uuid": "t", "state": "queued"})
    server.on("POST", "/task/request", {"uuid": "t", "state": "queued"})

    def answer(request: Request) -> Answer:
        state = left.pop(0) if len(left) > 1 else left[0]
        return Answer(body={"uuid": "t", "state": state, "current_cycle": 3, "total_number_of_cycles": 3})

    server.on("GET", "/task", answer)


@pytest.mark.parametrize("kind", ["train", "request"])
def test_tasks_are_waited_for(server: FakeServer, kind: str) -> None:
    states(server, "queued", "active", "finished")
    seen: list[tuple[int, int]] = []

    def story(client: AsyncClient) -> Coroutine[Any, Any, Any]:
        links: Any = {"y": "answer"} if kind == "request" else {"y": D}
        method: Any = getattr(client, kind)
        return method(C, {"x": D}, links, progress=lambda *amounts: seen.append(amounts))  # type: ignore[no-any-return]

    assert run(server, story).finished
    assert seen == [(3, 3)]


def test_a_task_that_fails(server: FakeServer) -> None:
    states(server, "active", "failed")
    with pytest.raises(TaskFailedException, match="task t is failed"):
        run(server, lambda client: client.train(C, {"x": D}, {"y": D}))


def test_nobody_waits(server: FakeServer) -> None:
    states(server, "active")
    assert run(server, lambda client: client.train(C, {"x": D}, {"y": D}, wait=False)).state == "queued"


def test_waiting_has_an_end(server: FakeServer) -> None:
    states(server, "active")
    with pytest.raises(WaitTimeoutException, match=r"task t did not end within 0\.05 s"):
        run(server, lambda client: client.train(C, {"x": D}, {"y": D}, timeout=0.05))


def test_waiting_can_be_cancelled(server: FakeServer) -> None:
    states(server, "active")

    async def story(client: AsyncClient) -> None:
        async with asyncio.timeout(0.1):
            await client.train(C, {"x": D}, {"y": D})

    with pytest.raises(TimeoutError):
        run(server, story)


@pytest.mark.usefixtures("direct_routes")
def test_direct_io(server: FakeServer) -> None:
    async def story(client: AsyncClient) -> Any:
        async with client.direct(C) as live:
            await live.train({"x": [1.0]}, {"y": [0.0]})
            await live.flush()
            return await asyncio.gather(*(live.request({"x": [float(number)]}) for number in range(5)))

    assert run(server, story) == [[0.0], [2.0], [4.0], [6.0], [8.0]]
    assert modes(server) == SHARED


@pytest.mark.usefixtures("direct_routes")
def test_an_error_in_the_block_ends_direct_io(server: FakeServer) -> None:
    async def story(client: AsyncClient) -> None:
        async with client.direct(C):
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        run(server, story)
    assert modes(server) == SHARED


@pytest.mark.usefixtures("direct_routes")
def test_cancelled_on_the_way_in_the_cluster_does_not_stay_direct(server: FakeServer) -> None:
    arrived = threading.Event()

    def slow(request: Request) -> Answer:
        if request.body["new_state"] == "DIRECT":
            arrived.set()
            threading.Event().wait(0.2)
        return Answer(body={"uuid": C})

    server.on("PUT", "/cluster/set_mode", slow)

    async def enter(client: AsyncClient) -> None:
        async with client.direct(C):
            raise AssertionError("it was cancelled before")

    async def story(client: AsyncClient) -> None:
        entering = asyncio.create_task(enter(client))
        await asyncio.to_thread(arrived.wait)
        entering.cancel()
        with pytest.raises(asyncio.CancelledError):
            await entering

    run(server, story)
    assert modes(server) == SHARED


def test_login_of_the_environment_and_no_secrets_in_sight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANAMI_ADDRESS", "http://127.0.0.1:1")
    monkeypatch.setenv("HANAMI_USER", "asdf")
    monkeypatch.setenv("HANAMI_PASSPHRASE", "very secret")
    client = AsyncClient.from_environment(timeout=3)
    assert client.client.timeout == 3
    assert repr(client) == "<AsyncClient 'http://127.0.0.1:1', user 'asdf'>"
