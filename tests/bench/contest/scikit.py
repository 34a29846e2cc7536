"""scikit-learn's MLPClassifier with 128 hidden neurons."""

from __future__ import annotations

import warnings
from pathlib import Path

from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from tests.bench.contest.arrays import images_and_labels
from tests.bench.contest.field import Labels


class Classifier:
    """Images are float32 between 0 and 1."""

    def __init__(self, directory: Path, images: int, batch: int, rate: float) -> None:
        self._batch, self._rate = batch, rate
        train, labels = images_and_labels(directory, "train")
        self._train, self._labels = train[:images], labels[:images]
        self._test = images_and_labels(directory, "t10k")[0]
        self._model = MLPClassifier()

    def fit(self, epochs: int, seed: int) -> None:
        self._model = MLPClassifier(
            (128,),
            batch_size=self._batch,
            learning_rate_init=self._rate,
            max_iter=epochs,
            tol=0.0,
            shuffle=False,
            random_state=seed,
        )
        with warnings.catch_warnings():
            # It warns of having made as many epochs as it was asked for.
            warnings.simplefilter("ignore", ConvergenceWarning)
            self._model.fit(self._train, self._labels)

    def answer(self) -> Labels:
        labels: Labels = self._model.predict(self._test)
        return labels


def make(directory: Path, images: int, batch: int, rate: float) -> Classifier:
    return Classifier(directory, images, batch, rate)
