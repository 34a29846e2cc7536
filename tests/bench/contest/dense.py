"""A multilayer perceptron 784-128-10 as plain loops, compiled by Numba: one image at a time, every weight touched."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from tests.bench.contest.arrays import images_and_labels
from tests.bench.contest.field import Labels
from tests.bench.engine import CLASSES, PIXELS

HIDDEN = 128
RATE = 0.03

compiled = numba.njit(fastmath=True, nogil=True, error_model="numpy")


@compiled
def forward(image: Any, w1: Any, b1: Any, w2: Any, b2: Any, hidden: Any, output: Any) -> None:
    """Write the hidden neurons and the probabilities."""
    for j in range(hidden.size):
        hidden[j] = b1[j]
    for i in range(image.size):
        for j in range(hidden.size):
            hidden[j] += image[i] * w1[i, j]
    for j in range(hidden.size):
        hidden[j] = max(hidden[j], np.float32(0))
    total = np.float32(0)
    for k in range(output.size):
        value = b2[k]
        for j in range(hidden.size):
            value += hidden[j] * w2[k, j]
        output[k] = math.exp(value)
        total += output[k]
    for k in range(output.size):
        output[k] /= total


@compiled
def backward(image: Any, w1: Any, b1: Any, w2: Any, b2: Any, hidden: Any, error: Any, back: Any, rate: Any) -> None:
    """Move all weights against the gradient."""
    for j in range(hidden.size):
        back[j] = np.float32(0)
    for k in range(error.size):
        step = rate * error[k]
        b2[k] -= step
        for j in range(hidden.size):
            back[j] += step * w2[k, j]
            w2[k, j] -= step * hidden[j]
    for j in range(hidden.size):
        back[j] = back[j] if hidden[j] > np.float32(0) else np.float32(0)
        b1[j] -= back[j]
    for i in range(image.size):
        for j in range(hidden.size):
            w1[i, j] -= image[i] * back[j]


@compiled
def train(images: Any, labels: Any, w1: Any, b1: Any, w2: Any, b2: Any, epochs: int, rate: float) -> None:
    """Learn all images, the rate falling linearly to 0."""
    hidden, back = np.empty(b1.size, np.float32), np.empty(b1.size, np.float32)
    output = np.empty(b2.size, np.float32)
    total = epochs * len(images)
    for step in range(total):
        n = step % len(images)
        forward(images[n], w1, b1, w2, b2, hidden, output)
        output[labels[n]] -= np.float32(1)
        backward(images[n], w1, b1, w2, b2, hidden, output, back, np.float32(rate * (1 - step / total)))


@compiled
def answer(images: Any, w1: Any, b1: Any, w2: Any, b2: Any, labels: Any) -> None:
    """Write the most probable label of each image."""
    hidden, output = np.empty(b1.size, np.float32), np.empty(b2.size, np.float32)
    for n in range(len(images)):
        forward(images[n], w1, b1, w2, b2, hidden, output)
        labels[n] = output.argmax()


def _uniform(random: np.random.Generator, rows: int, columns: int, inputs: int) -> npt.NDArray[np.float32]:
    limit = 1 / math.sqrt(inputs)
    return random.uniform(-limit, limit, (rows, columns)).astype(np.float32)


class Dense:
    """Weights of the first layer by input, those of the second by output, so that all loops run along memory."""

    def __init__(self, directory: Path, images: int) -> None:
        train_images, labels = images_and_labels(directory, "train")
        self._train, self._labels = train_images[:images], labels[:images]
        self._test = images_and_labels(directory, "t10k")[0]
        self._weights = self._new_weights(0)

    @staticmethod
    def _new_weights(seed: int) -> tuple[npt.NDArray[np.float32], ...]:
        random = np.random.default_rng(seed)
        first, second = _uniform(random, PIXELS, HIDDEN, PIXELS), _uniform(random, CLASSES, HIDDEN, HIDDEN)
        return first, np.zeros(HIDDEN, np.float32), second, np.zeros(CLASSES, np.float32)

    def fit(self, epochs: int, seed: int) -> None:
        self._weights = self._new_weights(seed)
        train(self._train, self._labels, *self._weights, epochs, RATE)

    def answer(self) -> Labels:
        labels = np.empty(len(self._test), np.int64)
        answer(self._test, *self._weights, labels)
        return labels


def make(directory: Path, images: int) -> Dense:
    return Dense(directory, images)
