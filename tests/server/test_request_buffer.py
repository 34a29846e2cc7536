from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanami_server.request_buffer import LARGEST_HEAD, FramingState, RequestBuffer

LIMIT = 1000
GET = b"GET /v1/echo HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /v1/echo HTTP/1.1\r\ncontent-LENGTH:  5 \r\n\r\nhello"
CHUNKED = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n3\r\nyou\r\n0\r\nA: b\r\n\r\n"
EMPTY_CHUNKED = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
WHOLE = [GET, POST, CHUNKED, EMPTY_CHUNKED, b"\r\n" + GET, b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n"]


@pytest.mark.parametrize("request_bytes", WHOLE)
def test_a_request_is_whole_with_its_last_byte(request_bytes):
    buffer = RequestBuffer(LIMIT)
    for place, byte in enumerate(request_bytes):
        state = buffer.feed(bytes([byte]))
        assert state is (FramingState.WHOLE if place == len(request_bytes) - 1 else FramingState.PARTIAL)
    assert bytes(buffer.data) == request_bytes


@given(st.sampled_from(WHOLE), st.lists(st.integers(1, 40)), st.binary(max_size=10))
def test_a_request_is_whole_however_it_arrives(request_bytes, sizes, behind):
    buffer, rest = RequestBuffer(LIMIT), request_bytes + behind
    for size in [*sizes, len(rest) + 1]:
        piece, rest = rest[:size], rest[size:]
        if piece and buffer.state is FramingState.PARTIAL:
            buffer.feed(piece)
    assert buffer.state is FramingState.WHOLE


@pytest.mark.parametrize(
    "odd",
    [
        b"GET / HTTP/1.1\nHost: x\n\n",
        b"GET / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 5, 5\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: +5\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length:\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n\r\n",
    ],
)
def test_what_looks_odd_is_left_to_the_parser_at_once(odd):
    assert RequestBuffer(LIMIT).feed(odd) is FramingState.WHOLE


@pytest.mark.parametrize(
    "large",
    [
        b"GET / HTTP/1.1\r\nContent-Length: 1001\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 1001,
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 2000,
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"a" * (LARGEST_HEAD + 1),
        b"GET /" + b"a" * LARGEST_HEAD,
        b"GET /" + b"a" * LARGEST_HEAD + b" HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_too_large_is_refused_before_it_is_there(large):
    buffer = RequestBuffer(LIMIT)
    assert buffer.feed(large) is FramingState.REFUSED
    assert buffer.reason


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        (b"Content-Length: 1000", FramingState.PARTIAL),
        (b"Content-Length: 1001", FramingState.STREAMED),
        (b"Content-Length: " + b"9" * 5000, FramingState.STREAMED),
        (b"Content-Length: x", FramingState.STREAMED),
        (b"Content-Length: 5\r\nContent-Length: 5", FramingState.STREAMED),
        (b"Content-Length: 5\r\nTransfer-Encoding: chunked", FramingState.STREAMED),
        (b"Transfer-Encoding: chunked", FramingState.STREAMED),
        (b"Host: x", FramingState.WHOLE),
    ],
)
def test_a_handler_reads_what_is_large_or_of_unknown_size(fields, state):
    buffer = RequestBuffer(LIMIT, lambda line: line.startswith(b"POST /large "))
    assert buffer.feed(b"POST /large HTTP/1.1\r\n" + fields + b"\r\n\r\n") is state


def test_a_client_that_waits_for_100_continue_gets_it_once():
    head = b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    buffer = RequestBuffer(LIMIT)
    assert buffer.feed(head) is FramingState.PARTIAL
    assert buffer.expects
    buffer.continued()
    assert not buffer.expects
    assert buffer.feed(b"hello") is FramingState.WHOLE
    assert bytes(buffer.data) == b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello"
