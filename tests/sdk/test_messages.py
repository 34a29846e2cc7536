"""Bytes of the protobuf messages."""

from __future__ import annotations

import math
import os
import struct
import subprocess
import sys
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

import hanami_sdk
from hanami_sdk import ConnectionFailedException, _messages
from hanami_sdk._messages import Buffer, Process

from .fake_server import ACK, TRAIN_ACK, TRAIN_DONE

FLOATS = st.floats(width=32)


def test_train_input_on_the_wire() -> None:
    message = _messages.encode_values("test_input", [1.0, -2.0], False, Process.TRAIN, Buffer.INPUT)
    name, numbers = b"test_input".hex(), struct.pack("<2f", 1.0, -2.0).hex()
    assert message.hex() == f"0a0a{name}1801280232 08{numbers}".replace(" ", "")


def test_train_expected_on_the_wire() -> None:
    message = _messages.encode_values("out", [0.5], True, Process.TRAIN, Buffer.EXPECTED)
    assert message.hex() == "0a03" + b"out".hex() + "10011801" + "2002" + "2801" + "3204" + "0000003f"


def test_request_on_the_wire() -> None:
    message = _messages.encode_values("in", [0.5], True, Process.REQUEST, Buffer.INPUT)
    assert message.hex() == "0a02" + b"in".hex() + "1001" + "2801" + "3204" + "0000003f"


def test_chunk_on_the_wire() -> None:
    assert _messages.encode_chunk(0, b"abc").hex() == "1203616263"
    assert _messages.encode_chunk(131072, b"abc").hex() == "08808008" + "1203616263"


def test_response_of_the_reference() -> None:
    assert _messages.decode_response(ACK) == (True, "")
    assert _messages.decode_response(b"") == (False, "")
    assert _messages.decode_response(bytes.fromhex("12026e6f")) == (False, "no")


@pytest.mark.parametrize("message", [TRAIN_ACK, TRAIN_DONE])
def test_acknowledgement_of_the_reference(message: bytes) -> None:
    assert list(_messages.decode_values(message)) == [0.0]


@settings(deadline=None)
@given(st.text(max_size=300), st.lists(FLOATS, max_size=200), st.booleans(), *map(st.sampled_from, (Process, Buffer)))
def test_same_bytes_as_protobuf(
    name: str, values: list[float], is_last: bool, process: Process, target: Buffer
) -> None:
    whole = _messages.classes().cluster_io(
        bufferName=name,
        isLast=is_last,
        processType=process,
        targetBufferType=target,
        numberOfValues=len(values),
        values=values,
    )
    assert _messages.encode_values(name, values, is_last, process, target) == whole.SerializeToString()


@pytest.mark.parametrize("count", [0, 1, 31, 32, 784, 4095, 4096, 600_000])
def test_length_of_the_values(count: int) -> None:
    values = array("f", range(count))
    whole = _messages.classes().cluster_io(bufferName="x", numberOfValues=count, values=values)
    assert _messages.encode_values("x", values, False, Process.REQUEST, Buffer.INPUT) == whole.SerializeToString()


@settings(deadline=None)
@given(st.lists(FLOATS, max_size=5000))
def test_values_survive(values: list[float]) -> None:
    message = _messages.encode_values("x", values, False, Process.TRAIN, Buffer.INPUT)
    for given_value, got in zip(values, _messages.decode_values(message), strict=True):
        assert given_value == got or (math.isnan(given_value) and math.isnan(got))


def _generator() -> Iterator[float]:
    yield from (1.0, 2.0, 3.0, 4.0)


class Tensor:
    """Any library's array that NumPy understands."""

    def __array__(self) -> Any:
        return np.array([1, 2, 3, 4], dtype=np.int8)

    def __iter__(self) -> Iterator[float]:
        raise AssertionError("the slow way")


@pytest.mark.parametrize(
    "values",
    [
        [1, 2.0, True + 2, 4],
        (1.0, 2.0, 3.0, 4.0),
        range(1, 5),
        _generator(),
        array("f", [1, 2, 3, 4]),
        array("d", [1, 2, 3, 4]),
        bytes([1, 2, 3, 4]),
        bytearray([1, 2, 3, 4]),
        memoryview(bytes([1, 2, 3, 4])),
        memoryview(array("f", [1, 2, 3, 4])),
        np.array([1, 2, 3, 4], dtype=np.uint8),
        np.array([1, 2, 3, 4], dtype=np.float64),
        np.array([1, 2, 3, 4], dtype=">f4"),
        np.array([[1, 2], [3, 4]], dtype=np.float32),
        np.array([[1, 3], [2, 4]], dtype=np.float32).T,
        np.arange(1, 9, dtype=np.float32)[:4],
        np.repeat(np.arange(1, 5, dtype=np.float32), 2)[::2],
        Tensor(),
    ],
    ids=lambda values: type(values).__name__,
)
def test_all_kinds_of_values(values: Any) -> None:
    assert _messages.pack(values) == struct.pack("<4f", 1, 2, 3, 4)


@pytest.mark.parametrize("values", ["text", [1.0, "2"], [[1.0], [2.0]], [None], 1.0])
def test_no_numbers(values: Any) -> None:
    with pytest.raises(TypeError):
        _messages.pack(values)


def test_garbage() -> None:
    with pytest.raises(ConnectionFailedException, match="ClusterIO_Message"):
        _messages.decode_values(b"\xff\xff")
    with pytest.raises(ConnectionFailedException, match="FileUploadResponse_Message"):
        _messages.decode_response(b"\x0a")


def test_generated_code_of_the_same_file_does_not_collide() -> None:
    program = (
        "from google.protobuf import descriptor_pb2, descriptor_pool\n"
        "file = descriptor_pb2.FileDescriptorProto(name='hanami_messages.proto3', syntax='proto3')\n"
        "file.message_type.add(name='ClusterIO_Message')\n"
        "descriptor_pool.Default().Add(file)\n"
        "from hanami_sdk import _messages\n"
        "assert _messages.encode_chunk(0, b'abc') == bytes.fromhex('1203616263')\n"
    )
    root = str(Path(hanami_sdk.__file__).parents[1])
    environment = os.environ | {"PYTHONPATH": root}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment, timeout=60)
