"""Runs the contest and draws conclusions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from typing import Any

from tests.bench.contest.field import ALL, ENTRIES, Entry
from tests.bench.contest.measure import in_own_process

EPOCHS = (1, 3, 5)
ROUNDS = 3
GOAL = 97.0
"""Accuracy in percent that a run has to reach to be compared by time."""
RATIOS = {"torch_that_reaches_97": 7.0, "torch_batch_1": 100.0}
"""How many times more images a second section growth is to learn than the fastest run of each kind."""

Say = Callable[[str], None]


@dataclass
class Result:
    """Figures of one contender; of speeds and memory the best one of all rounds, of accuracies the mean."""

    key: str
    title: str
    threads: int
    trained_per_second: float = 0.0
    answered_per_second: float = 0.0
    memory_mb: float = float("inf")
    accuracy: dict[str, float] = field(default_factory=dict)
    extrapolated: bool = False

    def add(self, round_: dict[str, Any]) -> None:
        """Take in the speeds and the memory of a round."""
        self.trained_per_second = max(self.trained_per_second, round_["trained_per_second"])
        self.answered_per_second = max(self.answered_per_second, round_["answered_per_second"])
        self.memory_mb = min(self.memory_mb, round_["memory_mb"])

    @property
    def seconds_to_goal(self) -> float | None:
        """Time to learn until the goal is reached, None if it was not."""
        epochs = next((number for number in EPOCHS if self.accuracy.get(str(number), 0.0) >= GOAL), None)
        return None if epochs is None else epochs * ALL / self.trained_per_second


def run(directory: Path, rounds: int, say: Say) -> list[Result]:
    """Measure all contenders, in rounds, so that a busy minute of the machine hits all of them."""
    results: dict[str, Result] = {}
    accuracies: dict[str, list[dict[str, float]]] = {}
    absent: set[str] = set()
    for round_ in range(rounds):
        for entry in ENTRIES:
            figures = entry.key if entry.key in absent else _measure(entry, directory, round_)
            if isinstance(figures, str):
                if entry.key not in absent:
                    say(f"{entry.title} is left out: {figures}")
                absent.add(entry.key)
                continue
            result = Result(entry.key, entry.title, entry.threads, extrapolated=entry.images < ALL)
            results.setdefault(entry.key, result).add(figures)
            accuracies.setdefault(entry.key, []).append(figures["accuracy"])
            say(f"round {round_ + 1} of {rounds}, {entry.title}: {figures['trained_per_second']:,.0f} images/s")
    for key, found in accuracies.items():
        results[key].accuracy = _means(found)
    for key, result in results.items():
        twin = results.get(f"{key[:-1]}1")
        if not result.accuracy and twin is not None:
            result.accuracy = twin.accuracy
    return list(results.values())


def _measure(entry: Entry, directory: Path, round_: int) -> dict[str, Any] | str:
    # More than one epoch takes long, and varies little from seed to seed. What is learned does not depend on threads.
    epochs = EPOCHS if round_ == 0 else EPOCHS[:1]
    return in_own_process(entry, directory, round_, list(epochs) if entry.threads == 1 else [])


def _means(found: list[dict[str, float]]) -> dict[str, float]:
    numbers = sorted({number for accuracies in found for number in accuracies})
    return {number: mean(a[number] for a in found if number in a) for number in numbers}


def fastest(results: Iterable[Result]) -> Result | None:
    """Return the one that learns most images a second."""
    return max(results, key=lambda result: result.trained_per_second, default=None)


def ratios(results: list[Result]) -> dict[str, float]:
    """Return how many times faster the fastest run of section growth is than its rivals."""
    ours = fastest(result for result in results if result.key.startswith("section"))
    torch = [result for result in results if result.key.startswith("torch")]
    one_by_one = fastest(result for result in torch if result.extrapolated)
    found = {}
    times = [(seconds, result) for result in torch if (seconds := result.seconds_to_goal) is not None]
    if ours is not None and times and ours.seconds_to_goal is not None:
        found["torch_that_reaches_97"] = min(times, key=lambda pair: pair[0])[0] / ours.seconds_to_goal
    if ours is not None and one_by_one is not None:
        found["torch_batch_1"] = ours.trained_per_second / one_by_one.trained_per_second
    return found
