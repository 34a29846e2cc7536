"""A multilayer perceptron 784-128-10 in PyTorch, its rate falling linearly to 0 over the training."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from torch import nn

from tests.bench.contest.arrays import images_and_labels
from tests.bench.contest.field import Labels

MOMENTUM = 0.9


class Perceptron:
    """Images are tensors of float32 between 0 and 1, taken in file order like those of all contenders."""

    def __init__(self, directory: Path, images: int, optimizer: str, batch: int, rate: float, threads: int) -> None:
        torch.set_num_threads(threads)
        self._optimizer, self._batch, self._rate = optimizer, batch, rate
        train, labels = images_and_labels(directory, "train")
        self._train = torch.from_numpy(train[:images])
        self._labels = torch.from_numpy(labels[:images])
        self._test = torch.from_numpy(images_and_labels(directory, "t10k")[0])
        self._model = self._new_model(0)

    @staticmethod
    def _new_model(seed: int) -> nn.Sequential:
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))

    def _new_optimizer(self, rate: float) -> torch.optim.Optimizer:
        parameters = self._model.parameters()
        if self._optimizer == "adam":
            return torch.optim.Adam(parameters, lr=rate, fused=True)
        momentum = MOMENTUM if self._batch > 1 else 0.0
        return torch.optim.SGD(parameters, lr=rate, momentum=momentum, fused=True)

    def fit(self, epochs: int, seed: int) -> None:
        self._model = self._new_model(seed)
        first = self._rate / math.sqrt(epochs)
        optimizer = self._new_optimizer(first)
        starts = range(0, len(self._train), self._batch)
        steps = epochs * len(starts)
        for step in range(steps):
            start = starts[step % len(starts)]
            optimizer.param_groups[0]["lr"] = first * (1 - step / steps)
            self._step(optimizer, slice(start, start + self._batch))

    def _step(self, optimizer: Any, part: slice) -> None:
        optimizer.zero_grad(set_to_none=True)
        nn.functional.cross_entropy(self._model(self._train[part]), self._labels[part]).backward()
        optimizer.step()

    def answer(self) -> Labels:
        with torch.inference_mode():
            labels: Labels = self._model(self._test).argmax(1).numpy()
        return labels


def make(directory: Path, images: int, **options: Any) -> Perceptron:
    return Perceptron(directory, images, **options)
