"""Sessions that answer later, in threads or unasked, over a channel on a socket pair."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from hanami_core.errors import BadRequest
from hanami_core.sockets import CloseSocket, SocketClosed, SocketFull
from hanami_server.sidecar import conversation, pusher
from hanami_server.sidecar.channel import INPUT_LIMIT
from tests.server.channel_kit import Listener, talking
from tests.server.test_sockets import frame

REFUSAL = b'{"success":false,"error":"not like this"}'


class Session:
    """Does what a function says."""

    def __init__(self, receive) -> None:
        self.receive = receive

    def close(self):
        pass


def run(receive, scenario, blocking=False, **limits):
    """Run a scenario with a client whose session is `receive`, and return what it returns and what was reported."""

    async def whole():
        listener = Listener(Session(receive), blocking)
        async with talking(listener, **limits) as client:
            client.listener = listener
            result = await asyncio.wait_for(scenario(client), 120)
        return result, listener.reported

    return asyncio.run(whole())


# -- answers ----------------------------------------------------------------------------------------------------------


def answer(message):
    """Answer in all ways there are."""
    if message == b"bad":
        raise BadRequest("not like this")
    return None if message == b"silence" else message.upper()


async def answer_later(message):
    await asyncio.sleep(0)
    return answer(message)


def answer_now_or_later(message):
    return answer(message) if message < b"n" else answer_later(message)


@pytest.mark.parametrize(
    ("receive", "blocking"),
    [(answer, False), (answer, True), (answer_later, False), (answer_now_or_later, False)],
    ids=["loop", "thread", "later", "now or later"],
)
def test_answers_have_the_order_of_the_messages(receive, blocking):
    messages = [b"a", b"z", b"bad", b"b", b"silence", b"", b"m" * 70_000, b"x"] * 20
    expected = [REFUSAL if m == b"bad" else m.upper() for m in messages if m != b"silence"]

    async def scenario(client):
        sending = asyncio.to_thread(client.send, *messages)
        received, _ = await asyncio.gather(client.answers(len(expected)), sending)
        return received

    assert run(receive, scenario, blocking) == (expected, [])


def test_one_message_is_answered_at_a_time_and_meanwhile_the_loop_turns():
    release = None
    active = most = 0

    async def receive(message):
        nonlocal active, most
        active += 1
        most = max(most, active)
        await release.wait()
        active -= 1
        return message

    async def scenario(client):
        nonlocal release
        release = asyncio.Event()
        client.send(b"one", b"two", b"three")
        while not active:
            await asyncio.sleep(0)
        client.raw.sendall(frame(b"ping", 0x9))
        assert await client.read() == b"ping"
        release.set()
        return await client.answers(3)

    assert run(receive, scenario) == ([b"one", b"two", b"three"], [])
    assert most == 1


def test_what_can_not_be_answered_yet_is_not_read_without_end():
    """A client sends 40 MB to a session that does not answer the first message."""
    go_on = None
    answered = 0

    async def receive(message):
        nonlocal answered
        await go_on.wait()
        answered += 1
        return b"" if message != b"last" else b"end"

    async def scenario(client):
        nonlocal go_on
        go_on = asyncio.Event()
        sending = asyncio.ensure_future(asyncio.to_thread(client.send, *[bytes(100_000)] * 400, b"last"))
        talk = client.channel._conversation
        while client.channel._reading:
            await asyncio.sleep(0)
        held = talk._bytes + len(client.channel._input)
        go_on.set()
        while await client.read() != b"end":
            pass
        await sending
        return held

    held, _ = run(receive, scenario)
    assert held < conversation.MOST_BYTES + INPUT_LIMIT + (1 << 19)
    assert answered == 401


@pytest.mark.parametrize("blocking", [False, True], ids=["loop", "thread"])
def test_what_a_client_sends_before_it_leaves_is_answered(blocking):
    seen = []

    def receive(message):
        seen.append(message)
        return b"x" * 100

    async def scenario(client):
        client.send(*[b"%d" % n for n in range(500)])
        client.raw.shutdown(1)
        await client.answers(500)
        await client.listener.gone.wait()

    run(receive, scenario, blocking)
    assert seen == [b"%d" % n for n in range(500)]


def test_half_a_frame_before_the_end_keeps_nobody():
    async def scenario(client):
        client.raw.sendall(frame(b"message")[:5])
        client.raw.shutdown(1)
        await client.listener.gone.wait()

    run(answer, scenario)


# -- what sessions raise ----------------------------------------------------------------------------------------------


def close(message):
    raise CloseSocket(4001, "enough")


def explode(message):
    raise RuntimeError("secret detail")


def number(message):
    return 5


async def give_up(message):
    asyncio.current_task().cancel()
    await asyncio.sleep(0)


async def close_later(message):
    close(message)


async def explode_later(message):
    explode(message)


ENDS = [(close, 4001, []), (explode, 1011, ["secret detail"]), (number, 1011, ["no answer: int"])]
LATE_ENDS = [
    (close_later, 4001, []),
    (explode_later, 1011, ["secret detail"]),
    (give_up, 1011, ["an answer was cancelled"]),
]


@pytest.mark.parametrize(
    ("receive", "code", "reported", "blocking"),
    [*((*end, False) for end in ENDS + LATE_ENDS), *((*end, True) for end in ENDS)],
)
def test_a_session_ends_with_the_code_of_its_end(receive, code, reported, blocking):
    async def scenario(client):
        client.send(b"x", b"y", b"z")
        return await client.close_code()

    result, errors = run(receive, scenario, blocking)
    assert result == code
    assert list(map(str, errors)) == reported


@pytest.mark.parametrize(("code", "reason"), [(1005, ""), (1006, ""), (999, ""), (5000, ""), (1000, "x" * 124)])
def test_no_server_may_close_like_this(code, reason):
    with pytest.raises(ValueError):
        CloseSocket(code, reason)


def test_a_pending_answer_is_cancelled_when_the_client_goes_and_the_session_released_afterwards():
    steps = []

    async def receive(message):
        steps.append("begun")
        try:
            await asyncio.Event().wait()
        finally:
            steps.append("cancelled")

    async def scenario(client):
        client.send(b"x")
        while not steps:
            await asyncio.sleep(0)

    run(receive, scenario)
    assert steps == ["begun", "cancelled"]


# -- sessions that block ----------------------------------------------------------------------------------------------


def test_a_session_that_blocks_gets_all_messages_in_threads_one_at_a_time():
    main = threading.get_ident()
    lock, threads = threading.Lock(), set()

    def receive(message):
        assert lock.acquire(blocking=False), "two messages at a time"
        threads.add(threading.get_ident())
        lock.release()
        return message

    async def scenario(client):
        for _ in range(5):
            client.send(*[b"x"] * 50)
            await client.answers(50)

    assert run(receive, scenario, blocking=True)[1] == []
    assert main not in threads


def test_what_has_arrived_changes_threads_at_once():
    """Messages that come while a thread works wait for one change of threads together."""
    go_on = threading.Event()

    class Counting(ThreadPoolExecutor):
        count = 0

        def submit(self, *args, **options):
            self.count += 1
            return super().submit(*args, **options)

    def receive(message):
        go_on.wait(10)
        return message

    async def scenario(client):
        counting = client.listener.threads = Counting(1)
        object.__setattr__(client.channel._conversation._services, "threads", counting)
        client.send(b"first")
        while not counting.count:
            await asyncio.sleep(0)
        client.send(*[b"x"] * 100)
        while len(client.channel._conversation._backlog) < 100:
            await asyncio.sleep(0)
        go_on.set()
        await client.answers(101)
        return counting.count

    assert run(receive, scenario, blocking=True) == (2, [])


def test_a_thread_hands_over_large_answers_before_it_goes_on():
    async def scenario(client):
        client.send(*[b"x"] * 20)
        while not client.channel.paused:
            await asyncio.sleep(0)
        held = client.channel.transport.get_write_buffer_size()
        assert await client.answers(20) == [bytes(1 << 19)] * 20
        return held

    held, _ = run(lambda message: bytes(1 << 19), scenario, blocking=True)
    assert held <= conversation.MOST_ANSWERED + (1 << 20)


def test_a_session_is_released_after_the_thread_that_still_answers():
    reached, go_on = threading.Event(), threading.Event()
    steps = []

    def receive(message):
        reached.set()
        go_on.wait(10)
        steps.append("answered")

    async def scenario(client):
        client.send(b"x", b"y")
        await asyncio.to_thread(reached.wait, 10)
        client.channel.detach()
        await client.listener.gone.wait()
        steps.append(client.listener.released.is_set())
        go_on.set()
        await client.listener.released.wait()

    run(receive, scenario, blocking=True)
    assert steps == [False, "answered"]


# -- messages that nobody asked for -----------------------------------------------------------------------------------


def test_a_session_speaks_of_its_own_accord_from_any_thread_and_in_order():
    def push(connection):
        for n in range(100):
            connection.send(b"%d" % n if n % 2 else str(n))

    async def scenario(client):
        await asyncio.to_thread(push, client.listener.connection)
        return await client.answers(100)

    assert run(answer, scenario) == ([b"%d" % n for n in range(100)], [])


@pytest.mark.parametrize("blocking", [False, True], ids=["loop", "thread"])
def test_what_is_sent_while_a_message_is_answered_comes_before_the_answer(blocking):
    listener = None

    def receive(message):
        listener.connection.send(b"before")
        return b"answer"

    async def scenario(client):
        nonlocal listener
        listener = client.listener
        client.send(b"x", b"y")
        return await client.answers(4)

    assert run(receive, scenario, blocking) == ([b"before", b"answer"] * 2, [])


def test_what_is_sent_while_a_session_opens_comes_after_its_success():
    class Early(Listener):
        def on_first_message(self, channel, message):
            connection = channel.connection
            channel.connection = lambda: (made := connection()).send(b"welcome") or made
            super().on_first_message(channel, message)

    async def whole():
        async with talking(Early(Session(answer))) as client:
            return await client.read()

    assert asyncio.run(whole()) == b"welcome"


def test_a_session_knows_what_its_websocket_began_with():
    async def scenario(client):
        request = client.listener.connection.request
        return request.path, request.query, request.headers["x-token"], len(client.listener.connection.uuid)

    assert run(answer, scenario)[0] == ("/some/path", "x=y", "t", 36)


def test_no_more_is_taken_than_a_client_reads():
    def push(connection, timeout):
        sent = 0
        with pytest.raises(SocketFull):
            while sent < 100:
                connection.send(bytes(1 << 16), timeout)
                sent += 1
        return sent

    async def scenario(client):
        connection = client.listener.connection
        sent = await asyncio.to_thread(push, connection, 0.0)
        sent += push(connection, 60.0)  # the event loop waits for nobody
        held = client.channel.transport.get_write_buffer_size() + connection._bytes
        waiting = asyncio.to_thread(connection.send, b"last", 10)
        received, _ = await asyncio.gather(client.answers(sent + 1), waiting)
        return held, received

    held, received = run(answer, scenario)[0]
    assert received[-1] == b"last"
    assert len(received) > pusher.MOST_UNREAD >> 16
    assert held < pusher.MOST_UNREAD + (1 << 18)


def test_whoever_waits_for_room_is_told_that_the_client_has_gone():
    def push(connection):
        while True:
            connection.send(bytes(1 << 16), timeout=30)

    async def scenario(client):
        pushing = asyncio.ensure_future(asyncio.to_thread(push, client.listener.connection))
        while not client.channel.paused:
            await asyncio.sleep(0)
        client.channel.detach()
        with pytest.raises(SocketClosed):
            await pushing
        with pytest.raises(SocketClosed):
            client.listener.connection.send(b"x")
        client.listener.connection.close()

    run(answer, scenario)


def test_a_session_closes_its_socket_after_what_it_has_sent():
    def push(connection):
        connection.send(b"good-bye")
        connection.close(3000, "that is all")
        connection.close(4000)
        with pytest.raises(ValueError):
            connection.close(1006)

    async def scenario(client):
        await asyncio.to_thread(push, client.listener.connection)
        return await client.answers(2)

    assert run(answer, scenario)[0] == [b"good-bye", (3000).to_bytes(2, "big") + b"that is all"]


# -- turns ------------------------------------------------------------------------------------------------------------


def test_a_flood_of_one_client_does_not_keep_another_one_waiting():
    """5,000 frames arrive at once; another client's frame, which comes later, is answered among the first."""
    order = []

    async def whole():
        def receive(name):
            return lambda message: order.append(name) or b"x"

        flooding, quiet = Listener(Session(receive("flood"))), Listener(Session(receive("quiet")))
        quiet.turns = flooding.turns
        async with talking(flooding) as many, talking(quiet) as one:
            for _ in range(5):
                many.send(*[b"x"] * 1000)
            while len(order) < 10:
                await asyncio.sleep(0)
            one.send(b"x")
            await one.read()
            while len(order) < 5001:
                await asyncio.sleep(0)

    asyncio.run(whole())
    assert order.index("quiet") < 2500
