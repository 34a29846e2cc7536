"""Measures one contender in a process of its own: ``python -m tests.bench.contest.measure KEY DIRECTORY SEED EPOCHS``.

A process of its own, because libraries share neither threads nor memory figures well. Writes one line of JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

from tests.bench.contest.field import ALL, ENTRIES, Contender, Entry
from tests.bench.engine import read_idx

LONG_ENOUGH = 1.5
TOO_LONG = 10.0
MOST_REPEATS = 8
ROOT = Path(__file__).parents[3]


def memory(field: str) -> float:
    """Return a figure of this process in megabytes: ``VmRSS`` now, ``VmHWM`` at most so far."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith(field))


def best(function: Any) -> float:
    """Return the shortest time of several calls; the first one may still be warming up."""
    times: list[float] = []
    while sum(times) < TOO_LONG and (len(times) < 3 or (sum(times) < LONG_ENOUGH and len(times) < MOST_REPEATS)):
        begin = perf_counter()
        function()
        times.append(perf_counter() - begin)
    return min(times)


def measure(entry: Entry, directory: Path, seed: int, epochs: list[int]) -> dict[str, Any]:
    """Return speeds, memory beyond what Python and NumPy need, and accuracies after some numbers of epochs."""
    before = memory("VmRSS")
    contender = entry.make(directory)
    trained = best(lambda: contender.fit(1, seed))
    answered = best(contender.answer)
    figures = {
        "trained_per_second": entry.images / trained,
        "answered_per_second": len(contender.answer()) / answered,
        "memory_mb": memory("VmHWM") - before,
    }
    complete = entry.images == ALL
    return figures | {"accuracy": accuracies(contender, directory, seed, epochs) if complete else {}}


def accuracies(contender: Contender, directory: Path, seed: int, epochs: list[int]) -> dict[str, float]:
    """Return the percentage of right answers after some numbers of epochs."""
    labels = read_idx(directory, "t10k-labels-idx1-ubyte", 8)
    found = {}
    for number in epochs:
        contender.fit(number, seed)
        found[str(number)] = 100 * float((contender.answer() == labels).mean())
    return found


def in_own_process(entry: Entry, directory: Path, seed: int, epochs: list[int]) -> dict[str, Any] | str:
    """Return what `measure` finds, or why it could not be done."""
    command = [sys.executable, "-m", "tests.bench.contest.measure", entry.key, str(directory), str(seed)]
    done = subprocess.run([*command, *map(str, epochs)], capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["no output"])[-1]
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def main() -> None:
    """Measure what the arguments name."""
    key, directory, seed, *epochs = sys.argv[1:]
    entry = next(entry for entry in ENTRIES if entry.key == key)
    print(json.dumps(measure(entry, Path(directory), int(seed), [int(number) for number in epochs])))


if __name__ == "__main__":
    main()
