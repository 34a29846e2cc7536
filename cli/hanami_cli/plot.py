"""The history of a task in a terminal: a chart for each loss and each score, or else for what there is.

Owns how the charts look. Must not know commands, nor how the history was fetched.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from shutil import get_terminal_size
from typing import Any

from hanami_cli.values import as_json
from hanami_cli.views import Listing
from hanami_sdk import History

__all__ = ["Plot", "as_listing"]

HEIGHT = 8
MARGIN = 24
"""Columns that stand left of a chart and right of it."""
NARROWEST, WIDEST = 20, 120


def as_listing(answer: Mapping[str, object]) -> Listing:
    """Return a history as a table, a row for each entry."""
    columns = History.from_json(answer)
    return Listing(answer, list(columns), list(zip(*columns.values(), strict=True)))


@dataclass(frozen=True)
class Plot:
    """The history of a task; `answer` is that of the server."""

    answer: Mapping[str, Any]

    def table(self) -> str:
        """Return the charts, one below the other; those of one kind have the same scale."""
        groups = History.from_json(self.answer).groups()
        wanted = [groups[name] for name in ("loss", "score") if name in groups] or list(groups.values())
        charts = [_chart(name, line, lines) for lines in wanted for name, line in lines.items()]
        return "\n\n".join(charts) or "nothing was measured yet"

    def json(self) -> str:
        """Return the whole answer."""
        return as_json(self.answer)

    def csv(self) -> str:
        """Return a line of names, then a line for each entry."""
        return as_listing(self.answer).csv()


def _chart(name: str, line: Any, group: Mapping[str, Any]) -> str:
    import plotille  # takes time, and few commands need it

    values = [value for points in group.values() for _, value in points]
    last = max(cycle for points in group.values() for cycle, _ in points)
    low, high = min(values), max(values)
    figure = plotille.Figure()
    figure.width = max(NARROWEST, min(WIDEST, get_terminal_size().columns - MARGIN))
    figure.height = HEIGHT
    figure.with_colors = figure.origin = False
    figure.x_label, figure.y_label = "cycle", ""
    figure.register_label_formatter(float, _label)
    figure.register_label_formatter(int, _label)
    figure.set_x_limits(0, max(1, last))
    figure.set_y_limits(low, high if high > low else low + 1)
    figure.plot([cycle for cycle, _ in line], [value for _, value in line])
    _, *drawn = figure.show().splitlines()  # the first line is the label of the other axis
    title = f"{name.replace('_', ' ')}: {line[-1][1]:.4g}"
    return "\n".join([title, *(row.rstrip(" ") for row in drawn)])


def _label(value: float, chars: int, delta: float, left: bool = False) -> str:
    text = f"{value:.4g}"
    return text.ljust(chars) if left else text.rjust(chars)
