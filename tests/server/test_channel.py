"""A channel over a socket pair, with limits short enough to be waited for."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanami_core.access import Actor
from hanami_server.handoff import Handoff
from hanami_server.sidecar.channel import ChannelLimits
from hanami_server.sidecar.frames import frame_length
from hanami_server.sidecar.shares import Shares
from tests.server.channel_kit import Listener, connect
from tests.server.test_sockets import frame, head, read_frame, read_head


@pytest.mark.parametrize(
    ("limits", "sent"),
    [
        ({"first": 0.05}, []),
        ({"stall": 0.05}, [b"open"] + [b"more"] * 20),
        ({"ping": 0.05}, [b"open"]),
    ],
    ids=["says nothing", "reads nothing", "answers no ping"],
)
def test_a_client_that_does_not_do_its_part_is_cut_off(limits, sent):
    async def scenario():
        listener = Listener()
        _, client = await connect(listener, Handoff(head()), **limits)
        await asyncio.to_thread(read_head, client)
        client.sendall(b"".join(map(frame, sent)))
        # The client never closes its end: the server must not wait for it longer than its own time-out.
        await asyncio.wait_for(listener.gone.wait(), 3)
        client.close()
        return listener

    listener = asyncio.run(scenario())
    assert listener.released.is_set() == bool(sent)


def test_proxies_that_close_idle_connections_see_a_ping_in_time():
    assert 20.0 <= ChannelLimits().ping <= 30.0


def test_answers_wait_for_a_client_that_reads_slowly():
    """200 small frames whose answers have a megabyte each."""

    async def scenario():
        listener = Listener()
        channel, client = await connect(listener, Handoff(head()))
        await asyncio.to_thread(read_head, client)
        client.sendall(frame(b"open"))
        await asyncio.to_thread(read_frame, client)
        client.sendall(frame(b"more") * 200)
        while not channel.paused:
            await asyncio.sleep(0)
        held = channel.transport.get_write_buffer_size()
        total = 200 * ((1 << 20) + 10)
        read = await asyncio.to_thread(drain, client, total)
        channel.detach()
        await listener.gone.wait()
        client.close()
        return held, read == total

    held, complete = asyncio.run(scenario())
    assert held < 4 << 20
    assert complete


def drain(client, total):
    read = 0
    while read < total:
        read += len(client.recv(1 << 20))
    return read


class Brief:
    """A session whose answers are short."""

    def receive(self, message):
        return b"ok"

    def close(self):
        pass


async def talking(share):
    """Return a listener and a client whose session is open."""
    listener = Listener(Brief(), share=share)
    _, client = await connect(listener, Handoff(head()))
    await asyncio.to_thread(read_head, client)
    client.sendall(frame(b"open"))
    await asyncio.to_thread(read_frame, client)
    return listener, client


UNFINISHED = {
    "fragments": frame(bytes(400_000), fin=0),
    "a frame": frame(bytes(500_000))[:400_000],
}


@pytest.mark.parametrize("data", UNFINISHED.values(), ids=UNFINISHED)
def test_a_client_that_lets_too_much_unfinished_wait_is_parted_with(data):
    """Four sockets of one user: together they may hold a megabyte."""

    async def scenario():
        shares = Shares(1 << 20, 1 << 24)
        talks = [await talking(shares.enter(Actor("ada", "ada", "room", "member"))) for _ in range(4)]
        for listener, client in talks:
            before = shares.bytes_of_all
            await asyncio.to_thread(client.sendall, data)
            while shares.bytes_of_all < before + 390_000 and not listener.gone.is_set():
                await asyncio.sleep(0)
            if shares.bytes_of_all > 1 << 20:
                await asyncio.wait_for(listener.gone.wait(), 3)
        stayed, held = [not listener.gone.is_set() for listener, _ in talks], shares.bytes_of_all
        for listener, client in talks:
            client.close()
            await asyncio.wait_for(listener.gone.wait(), 3)
        return stayed, held, shares.bytes_of_all

    stayed, held, at_the_end = asyncio.run(scenario())
    assert stayed == [True, True, False, False]
    assert 780_000 < held < 1 << 20
    assert at_the_end == 0


def test_finished_messages_do_not_count():
    async def scenario():
        shares = Shares(1 << 20, 1 << 20)
        listener, client = await talking(shares.enter(Actor("ada", "ada", "room", "member")))
        for _ in range(10):  # together more than may be held at once
            await asyncio.to_thread(client.sendall, frame(bytes(200_000), fin=0) + frame(bytes(200_000), 0))
            assert await asyncio.to_thread(read_frame, client) == b"ok"
        held = shares.bytes_of_all
        client.close()
        await asyncio.wait_for(listener.gone.wait(), 3)
        return held

    assert asyncio.run(scenario()) == 0


def test_a_channel_that_moves_says_what_is_left():
    async def scenario():
        listener = Listener()
        channel, client = await connect(listener, Handoff(head() + frame(b"first") + frame(b"second")[:5], hops=1))
        await asyncio.to_thread(read_head, client)
        handoff = channel.handoff()
        channel.detach()
        await listener.gone.wait()
        client.close()
        return handoff, listener.messages

    handoff, messages = asyncio.run(scenario())
    assert messages == [b"first"]
    assert (handoff.first, handoff.hops) == (b"first", 2)
    assert len(handoff.data) == 5


@given(st.binary(max_size=70_000), st.booleans(), st.integers(0, 20))
def test_the_length_of_a_frame_is_known_from_its_header(payload, fin, cut):
    data = frame(payload, fin=int(fin))
    length = frame_length(data[:14])
    assert length == len(data)
    assert frame_length(data[:cut]) in (None, length)
