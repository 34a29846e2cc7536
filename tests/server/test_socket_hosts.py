"""Websockets that reach the host which must serve them, whichever process has taken them."""

from __future__ import annotations

import json

import pytest
from websocket import ABNF

from tests.server.test_sockets import FIRST, TIMEOUT, frame, head, opened, read_frame, read_head, say, session, stopped


@pytest.mark.parametrize("host", ["cpu0", "cpu1"])
def test_a_socket_reaches_the_host_that_must_serve_it(server, host):
    for _ in range(4):  # the api takes the sidecars in turn, so that each way of passing on happens
        with session(server, f"at-{host}") as client:
            client.send_binary(b"where")
            assert client.recv() == host.encode()


@pytest.mark.parametrize("host", ["cpu0", "cpu1"])
def test_nothing_is_lost_while_a_socket_moves(server, host):
    first = frame(json.dumps(FIRST | {"uuid": f"at-{host}"}).encode(), ABNF.OPCODE_TEXT)
    behind = frame(b"where") + frame(b"x" * 300) + frame(b"last")
    for cut in (0, 1, 5, len(behind) - 3):
        for _ in range(2):
            with server.connect(TIMEOUT) as raw:
                raw.sendall(head() + first + behind[:cut])
                read_head(raw)
                assert b'"success":true' in read_frame(raw)
                raw.sendall(behind[cut:])
                assert [read_frame(raw) for _ in range(3)] == [host.encode(), b"x" * 300, b"last"]


def test_a_host_that_is_gone_is_told_and_the_socket_stays(start_server):
    server = start_server(server_stub__hosts="cpu0,cpu1")
    with stopped(server, "sidecar cpu1"), opened(server) as client:
        answer = say(client, FIRST | {"uuid": "at-cpu1"})
        assert answer == {"success": False, "error": "Host 'cpu1' is not available"}
        assert say(client, FIRST)["success"] is True
