"""Open sockets of third-party targets: the target is asked again and again who may go on."""

from __future__ import annotations

import time

import pytest

from tests.server.test_sockets import closing, opened, session


@pytest.fixture(scope="module")
def running(launch):
    with launch() as found:
        yield found


@pytest.fixture
def server(running):
    """A server on which nothing is withdrawn."""
    (running.data_dir / "withdrawn").unlink(missing_ok=True)
    return running


def test_a_target_withdraws_single_sockets(server):
    credential = {"X-Auth-Token": "good"}
    live_one = opened(server, "/live/one/part", header=credential)
    with session(server, "one") as one, session(server, "two") as two, live_one as live:
        (server.data_dir / "withdrawn").write_text("one")
        begin = time.monotonic()
        live.send_binary(b"x")
        assert [closing(one), _last(live)] == [1008, 1008]
        assert time.monotonic() - begin < 5
        two.send_binary(b"still here")
        assert two.recv() == b"still here"


def test_a_target_that_can_not_tell_is_asked_again(server):
    with session(server, "one") as one:
        (server.data_dir / "withdrawn").write_text("one fail")
        while "whether sockets may stay open" not in server.text():
            time.sleep(0.05)
        one.send_binary(b"still here")
        assert one.recv() == b"still here"
        (server.data_dir / "withdrawn").write_text("one")
        assert closing(one) == 1008


def _last(client):
    """Return the code of the close frame that follows messages."""
    while True:
        opcode, data = client.recv_data(control_frame=True)
        if opcode == 8:
            return int.from_bytes(data[:2], "big")
