"""The format `mnist`."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hanami_core.datasets import DatasetFormat
from hanami_core.errors import BadRequest
from hanami_core.testing.formats import FormatConformance, decode
from hanami_plugins import format_mnist
from hanami_plugins.format_mnist import MnistFormat
from tests.plugins.data import digits, idx

GOOD = digits(7)


class TestMnist(FormatConformance):
    header_size = 16

    @pytest.fixture
    def dataset_format(self) -> DatasetFormat:
        return MnistFormat()

    @pytest.fixture
    def good_files(self) -> Mapping[str, bytes]:
        return GOOD


def refused(tmp_path: Path, **parts: bytes) -> str:
    with pytest.raises(BadRequest) as caught:
        decode(MnistFormat(), GOOD | parts, tmp_path / "table")
    return str(caught.value)


def test_pixels_and_classes(tmp_path: Path) -> None:
    images = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    files = {"input": idx(images), "label": idx(np.array([9, 0]))}
    table = decode(MnistFormat(), files, tmp_path / "table")
    assert table.columns == {"picture": (0, 12), "label": (12, 22)}
    assert table.values.dtype == np.uint8
    assert np.array_equal(table.column("picture"), images.reshape(2, 12))
    assert np.array_equal(table.column("label"), np.eye(10)[[9, 0]])


def test_several_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = digits(103)
    whole = decode(MnistFormat(), files, tmp_path / "whole").values
    monkeypatch.setattr(format_mnist, "_BLOCK", 100)
    assert np.array_equal(decode(MnistFormat(), files, tmp_path / "blocks").values, whole)


@pytest.mark.parametrize("shape", [(1, 1), (1, 99_990), (333, 300), (3, 1)])
def test_any_size_of_image_up_to_the_width_of_a_table(tmp_path: Path, shape: tuple[int, int]) -> None:
    table = decode(MnistFormat(), digits(2, *shape), tmp_path / "table")
    assert table.values.shape == (2, shape[0] * shape[1] + 10)


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        (
            {"input": struct.pack(">4I", 2052, 7, 4, 3)},
            "input: the file begins with 2052, an idx file of this kind with 2051",
        ),
        ({"label": GOOD["input"]}, "label: the file begins with 2051, an idx file of this kind with 2049"),
        ({"input": struct.pack(">4I", 2051, 60_000, 28, 28) + bytes(100)}, "a file of 47040016 bytes, not 116"),
        ({"input": struct.pack(">4I", 2051, *[0xFFFFFFFF] * 3) + bytes(100)}, "at most 99990 are possible"),
        (
            {"input": struct.pack(">4I", 2051, 0xFFFFFFFF, 20, 20) + bytes(100)},
            "a file of 1717986918016 bytes, not 116",
        ),
        ({"input": struct.pack(">4I", 2051, 0, 28, 28)}, "none may be 0"),
        ({"input": struct.pack(">4I", 2051, 7, 0, 28)}, "none may be 0"),
        ({"input": struct.pack(">4I", 2051, 7, 1, 99_991)}, "an image has 99991 pixels"),
        ({"input": GOOD["input"] + b"x"}, "not 101"),
        ({"input": GOOD["input"][:-1]}, "not 99"),
        ({"input": b"\0"}, "input: the file ends after 1 bytes, inside its header"),
        ({"label": idx(np.zeros(6))}, "input holds 7 images, but label holds 6 labels"),
        ({"label": idx(np.zeros(8))}, "input holds 7 images, but label holds 8 labels"),
        ({"label": idx(np.array([0, 1, 2, 10, 255, 5, 6]))}, "label: number 3 is 10, labels go from 0 to 9"),
        ({"label": idx(np.array([]))}, "none may be 0"),
        ({"input": gzip.compress(GOOD["input"])}, "input: the file is packed with gzip"),
        ({"input": gzip.compress(bytes(10_000_000))}, "input: the file is packed with gzip"),
    ],
)
def test_what_breaks_a_rule_is_refused(tmp_path: Path, parts: dict[str, bytes], reason: str) -> None:
    assert reason in refused(tmp_path, **parts)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    part=st.sampled_from(["input", "label"]),
    cut=st.integers(0, 200),
    changes=st.lists(st.tuples(st.integers(0, 99), st.binary(min_size=1, max_size=5)), max_size=4),
)
def test_every_mutation_is_handled(tmp_path: Path, part: str, cut: int, changes: list[tuple[int, bytes]]) -> None:
    content = bytearray(GOOD[part])
    for place, data in changes:
        content[place : place + len(data)] = data
    try:
        table = decode(MnistFormat(), GOOD | {part: bytes(content[:cut])}, tmp_path / "table")
    except BadRequest:
        return
    assert table.column("label").sum() == len(table.values)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=64), st.binary(max_size=64))
def test_random_bytes_are_handled(tmp_path: Path, images: bytes, labels: bytes) -> None:
    with pytest.raises(BadRequest):
        decode(MnistFormat(), {"input": images, "label": labels}, tmp_path / "table")
