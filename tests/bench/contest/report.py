"""Shows the outcome of the contest: a table for the terminal, one for the documents, and a plot."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench.contest.result import EPOCHS, GOAL, RATIOS, Result, fastest, ratios

HEADER = (
    "contender",
    "trained images/s",
    "answered images/s",
    *(f"{number} epoch{'s' if number > 1 else ''} %" for number in EPOCHS),
    f"seconds to {GOAL:.0f} %",
    "memory MB",
    "times slower",
)
NAMES = {
    "torch_that_reaches_97": f"torch, fastest run that reaches {GOAL:.0f} %",
    "torch_batch_1": "torch, batch 1",
}
TEXT = """# Benchmarks

Section growth compared with other ways to learn the 60,000 digits of MNIST, measured in one run on one machine: {cores}
cores of an x86-64 server processor with AVX-512, shared with other programs. `tox -e bench -- --docs` writes this page.

![Images a second and accuracy](benchmarks.png)

{table}

All networks have 784 inputs, 128 hidden neurons and 10 outputs, and read the images in the order of the file.
Speeds are the best of {rounds} rounds, accuracies the mean; no server is involved. Libraries get their images as
float32 between 0 and 1, and the conversion is not timed; section growth gets the bytes of the file. Learning
rates were tuned for the accuracy after one epoch and, except for scikit-learn, fall linearly to 0. Torch with
batch 1 trained on 3,000 images, from which its speed is extrapolated (`*`). Memory is what a process needs
beyond Python and NumPy: library, data and network. "Times slower" is relative to the fastest run of section
growth, which learns image by image, like a service whose data arrive one row at a time. Synapse growth trains on
one thread and answers on all of them. Where other programs use the cores as well, a library that splits every
small product over two threads suffers most; its runs with one thread are steadier.

| speed of section growth compared with | measured | target |
|---|--:|--:|
{ratios}
"""
PREDICTIONS = """
## Predictions over HTTP

One worker of the server, 8 clients, and one image of 784 numbers as JSON in each request. A bare Falcon application
under plain gunicorn, measured in the same run, says hello, reads the same numbers and answers ten of them, or lets
another process answer through a Unix socket, as the server lets the process of the host. The server checks token,
policy, cluster and every number besides.

| | measured |
|---|--:|
| one image, median of one client in ms | {predict_row_ms_p50:.2f} |
| requests a second | {predict_requests_per_second:,.0f} |
| compared with a bare endpoint that says hello | {predict_by_hello:.2f} × |
| that reads the numbers | {predict_by_echo:.2f} × |
| that lets another process answer | {predict_by_hop:.2f} × |
| 100 images, median of one client in ms | {predict_batch_ms_p50:.1f} |
"""
"""The part of the page about `tests.bench.predict`, if that was measured as well."""


def cells(result: Result, results: list[Result]) -> list[str]:
    """Return a line of the table."""
    ours = fastest(other for other in results if other.key.startswith("section"))
    seconds = result.seconds_to_goal
    return [
        result.title,
        f"{result.trained_per_second:,.0f}" + (" *" if result.extrapolated else ""),
        f"{result.answered_per_second:,.0f}",
        *(f"{result.accuracy[str(number)]:.2f}" if str(number) in result.accuracy else "–" for number in EPOCHS),
        "–" if seconds is None else f"{seconds:.2f}",
        f"{result.memory_mb:,.0f}",
        f"{ours.trained_per_second / result.trained_per_second:,.1f}" if ours else "–",
    ]


def print_table(results: list[Result]) -> None:
    """Print all figures, and the ratios with their targets."""
    table = Table(title="section growth and others, genuine MNIST", caption="* from a part of the images")
    for number, title in enumerate(HEADER):
        table.add_column(title, justify="right" if number else "left")
    for result in results:
        table.add_row(*cells(result, results))
    console = Console(width=150)
    console.print(table)
    for name, ratio in ratios(results).items():
        met = "met" if ratio >= RATIOS[name] else "MISSED"
        console.print(f"{ratio:7.1f} x as fast as {NAMES[name]} (target {RATIOS[name]:.0f} x, {met})")


def write_docs(
    results: list[Result], directory: Path, rounds: int, cores: int, predictions: Mapping[str, float] | None = None
) -> None:
    """Write the page of the documents."""
    lines = [HEADER, ("---", *("--:",) * (len(HEADER) - 1)), *(cells(result, results) for result in results)]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    found = ratios(results)
    rows = "\n".join(f"| {NAMES[name]} | {ratio:.1f} × | ≥ {RATIOS[name]:.0f} × |" for name, ratio in found.items())
    text = TEXT.format(cores=cores, table=table, rounds=rounds, ratios=rows)
    if predictions:
        text += PREDICTIONS.format(**predictions)
    (directory / "benchmarks.md").write_text(text, encoding="utf-8")


def plot(results: list[Result], target: Path) -> bool:
    """Draw speed and accuracy; return False if there is nothing to draw with."""
    try:
        import matplotlib
    except ImportError:
        return False
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (speed, right) = pyplot.subplots(1, 2, figsize=(12, 0.4 * len(results) + 1.5), width_ratios=(3, 2))
    _draw_speed(speed, results)
    _draw_accuracy(right, results)
    figure.tight_layout()
    figure.savefig(target, dpi=110)
    pyplot.close(figure)
    return True


def _colour(result: Result) -> str:
    return {"section": "#b5179e", "synapse": "#f072b6"}.get(result.key.split("-")[0], "#8d99ae")


def _draw_speed(axes: Any, results: list[Result]) -> None:
    order = sorted(results, key=lambda result: result.trained_per_second)
    bars = axes.barh([r.title for r in order], [r.trained_per_second for r in order], color=[_colour(r) for r in order])
    axes.bar_label(bars, [f" {r.trained_per_second:,.0f}" for r in order], fontsize=8)
    axes.set_xscale("log")
    axes.margins(x=0.2)
    axes.set_title("images learned in a second (logarithmic)", fontsize=10)
    axes.tick_params(labelsize=8)


def _draw_accuracy(axes: Any, results: list[Result]) -> None:
    for result in results:
        numbers = [number for number in EPOCHS if str(number) in result.accuracy]
        # Two runs that differ in their threads learn the same.
        if numbers and result.threads == 1:
            values = [result.accuracy[str(number)] for number in numbers]
            ours = {"linewidth": 3, "color": _colour(result)} if result.key.startswith("section") else {"linewidth": 1}
            axes.plot(numbers, values, marker="o", label=result.title, **ours)
    axes.set_xticks(EPOCHS)
    axes.set_title("accuracy in percent, after epochs", fontsize=10)
    axes.legend(fontsize=7)
    axes.tick_params(labelsize=8)
