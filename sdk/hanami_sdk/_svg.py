"""Draws lines as SVG, without a library. Knows nothing of what they mean; all text is escaped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import TypeAlias

__all__ = ["Line", "chart"]

Line: TypeAlias = Sequence[tuple[float, float]]
"""Points, as x and y."""

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Colours that those who see few of them tell apart, by Okabe and Ito."""
WIDTH, HEIGHT = 420, 220
LEFT, RIGHT, TOP, BOTTOM = 56, 12, 26, 34
FEW = 40
"""Points that are shown as such."""


def chart(title: str, lines: Mapping[str, Line], below: str) -> str:
    """Return a chart of some lines by their names; `below` says what x counts."""
    points = [point for line in lines.values() for point in line]
    left, right = min(x for x, _ in points), max(x for x, _ in points)
    low, high = min(y for _, y in points), max(y for _, y in points)
    wide, tall = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def place(x: float, y: float) -> tuple[float, float]:
        across, up = (x - left) / (right - left or 1), (y - low) / (high - low or 1)
        return round(LEFT + across * wide, 1), round(TOP + (1 - up) * tall, 1)

    drawn = "".join(_line(name, [place(*point) for point in line], number) for number, (name, line) in _numbered(lines))
    grid = "".join(_rule(place(left, y)[1], y) for y in {low, (low + high) / 2, high})
    ends = "".join(_text(place(x, low)[0], HEIGHT - 18, f"{x:g}", "middle") for x in {left, right})
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'role="img" font-family="sans-serif" font-size="11" fill="currentColor"><title>{escape(title)}</title>'
        f"{grid}{ends}{_text(LEFT + wide / 2, HEIGHT - 4, below, 'middle')}{drawn}{_legend(lines)}</svg>"
    )


def _numbered(lines: Mapping[str, Line]) -> Iterator[tuple[int, tuple[str, Line]]]:
    return enumerate(lines.items())


def _line(name: str, places: Sequence[tuple[float, float]], number: int) -> str:
    colour = COLOURS[number % len(COLOURS)]
    path = " ".join(f"{x},{y}" for x, y in places)
    dots = "".join(f'<circle cx="{x}" cy="{y}" r="2" fill="{colour}"/>' for x, y in places if len(places) <= FEW)
    return (
        f'<g><title>{escape(name)}</title><polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
        f"{dots}</g>"
    )


def _rule(height: float, value: float) -> str:
    rule = f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{height}" y2="{height}" stroke="currentColor" opacity="0.25"/>'
    return rule + _text(LEFT - 6, height + 4, f"{value:.4g}", "end")


def _legend(lines: Mapping[str, Line]) -> str:
    found, x = "", float(LEFT)
    for number, (name, _) in _numbered(lines):
        text = name.replace("_", " ")
        found += f'<rect x="{x}" y="8" width="10" height="10" fill="{COLOURS[number % len(COLOURS)]}"/>'
        found += _text(x + 14, 17, text, "start")
        x += 30 + 6 * len(text)
    return found


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>'
