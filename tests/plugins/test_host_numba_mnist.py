"""Accuracy on the genuine MNIST digits. Speed is a matter of `tests.bench`."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from hanami_core.compute import Columns, Rows
from hanami_core.testing.hosts import host_context
from hanami_plugins.host_numba.host import CpuHost
from tests.bench import engine
from tests.kernels import KERNELS

PLACES = (os.environ.get("HANAMI_MNIST_DIR"), str(Path(__file__).parents[3] / "shared" / "data" / "mnist"))
DIRECTORY = next((Path(place) for place in PLACES if place and Path(place).is_dir()), None)

pytestmark = pytest.mark.skipif(DIRECTORY is None, reason="no MNIST files: set HANAMI_MNIST_DIR to their directory")

Digits = tuple[Rows, npt.NDArray[np.uint8]]


@pytest.fixture(scope="module")
def host() -> CpuHost:
    host = CpuHost("cpu0", 0)
    host.start(host_context(KERNELS))
    return host


@pytest.fixture(scope="module")
def train() -> Digits:
    assert DIRECTORY is not None
    return engine.digits(DIRECTORY, "train")


@pytest.fixture(scope="module")
def test() -> Digits:
    assert DIRECTORY is not None
    return engine.digits(DIRECTORY, "t10k")


def first(digits: Digits, count: int) -> Digits:
    rows, labels = digits
    cut = [tuple(Columns(c.name, c.values[:count]) for c in side) for side in (rows.inputs, rows.outputs)]
    return Rows(cut[0], cut[1]), labels[:count]


def test_one_epoch_three_and_five(host: CpuHost, train: Digits, test: Digits) -> None:
    found = engine.epochs(host, train[0], *test)
    assert found[1] >= 97.0
    assert found[3] >= 97.8
    assert found[5] >= 97.9


def test_weights_of_8_bits_answer_as_well(host: CpuHost, train: Digits, test: Digits) -> None:
    found = engine.small(host, train[0], *test)
    assert found["accuracy_int8_percent"] >= 97.0
    assert found["int8_answers_like_float_percent"] >= 99.7


def test_several_hidden_hexagons_in_a_row(host: CpuHost, train: Digits, test: Digits) -> None:
    found = engine.deep(host, train[0], *test)
    assert found["accuracy_2_hidden_distance_1_percent"] >= 97.0
    assert found["accuracy_3_hidden_distance_1_percent"] >= 96.8
    assert found["accuracy_3_hidden_distance_2_percent"] >= 97.3


def test_a_sample_of_5000_digits_is_enough_for_93_percent(host: CpuHost, train: Digits, test: Digits) -> None:
    network = engine.new_network(host)
    sample, few = first(train, 5000)[0], first(test, 1000)
    for _ in range(5):
        network.train(sample, engine.RUN)
    assert engine.accuracy(network, *few) >= 93


def test_inverted_digits_are_learned_too(host: CpuHost, train: Digits, test: Digits) -> None:
    def inverted(digits: Digits) -> Rows:
        rows = digits[0]
        return Rows((Columns("in", 255 - rows.inputs[0].values),), rows.outputs)

    network = engine.new_network(host)
    network.train(inverted(train), engine.RUN)
    assert engine.accuracy(network, inverted(test), test[1]) > 92


def test_one_digit_a_hundred_times(host: CpuHost, train: Digits, test: Digits) -> None:
    network = engine.new_network(host)
    network.train(first(train, 10_000)[0], engine.RUN)
    image = test[0].inputs[0].values[8].astype(np.float32)
    for wanted in (int(test[1][8]), 3):
        for _ in range(100):
            network.train_one({"in": image}, {"out": np.eye(10, dtype=np.float32)[wanted]})
        said = network.request_one({"in": image})["out"]
        assert said.argmax() == wanted
        assert np.isfinite(said).all()
        assert 0 <= said.min() <= said.max() <= 1
    assert engine.accuracy(network, *test) > 70
