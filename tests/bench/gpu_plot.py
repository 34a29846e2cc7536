"""Draws what `tests.bench.gpu` has measured: the time of an epoch over the width and over the number of networks."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

Figures = dict[str, Any]

GPU, CPU = "#b5179e", "#8d99ae"
WIDTH, MANY = re.compile(r"(gpu|cpu)_(\d+)"), re.compile(r"(gpu|cpu)_(\d+)_networks")


def points(figures: Figures, pattern: re.Pattern[str], host: str, key: str, scale: float) -> list[tuple[int, float]]:
    """Return sizes and seconds of one kind of host, by size."""
    found = [
        (int(match[2]), value[key] * scale)
        for name, value in figures.items()
        if (match := pattern.fullmatch(name)) and match[1] == host
    ]
    return sorted(found)


def plot(figures: Figures, target: Path) -> None:
    """Write a picture."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (width, many) = pyplot.subplots(1, 2, figsize=(11, 3.8))
    cores = figures["cpu_128"]["threads"]
    for host, colour, label in (("gpu", GPU, figures["device"]), ("cpu", CPU, f"{cores} cores of the same machine")):
        _draw(width, points(figures, WIDTH, host, "epoch_ms", 1e-3), colour, label)
        _draw(many, points(figures, MANY, host, "epoch_seconds", 1), colour, label)
    width.set_title("one network, over its hidden neurons", fontsize=10)
    many.set_title("networks of 128 hidden neurons, over their number", fontsize=10)
    for axes in (width, many):
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_ylabel("seconds for an epoch of 60,000 images", fontsize=8)
        axes.legend(fontsize=8)
        axes.tick_params(labelsize=8)
    figure.tight_layout()
    figure.savefig(target, dpi=110)
    pyplot.close(figure)


def _draw(axes: Any, found: list[tuple[int, float]], colour: str, label: str) -> None:
    axes.plot([size for size, _ in found], [seconds for _, seconds in found], marker="o", color=colour, label=label)


if __name__ == "__main__":
    plot(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2]))
