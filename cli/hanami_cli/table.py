"""Text tables as the users of Hanami know them: `+---+` borders, cells wrapped at 30 characters.

Owns the layout (that of Go's tablewriter 0.0.5 with its defaults). Must not know what the cells mean.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from itertools import zip_longest

from hanami_cli.text import Verbatim

__all__ = ["WRAP_AT", "display_width", "render", "title", "wrap"]

WRAP_AT = 30
NO_WIDTH = ("Mn", "Me", "Cf", "Cc")
"""Categories of characters that a terminal shows within the one before, or not at all."""

Lines = list[str]


def render(rows: Sequence[Sequence[str]], header: Sequence[str] = ()) -> str:
    """Draw a table.

    Args:
        rows: the cells; every row has as many as the header, if there is one.
        header: titles, drawn centred and in upper case; none for the two-column view of a single object.

    Returns:
        The lines of the table, without a newline at the end.
    """
    head = [wrap(title(name)) for name in header]
    body = [[wrap(cell) for cell in row] for row in rows]
    widths = _widths([head, *body])
    rule = "+" + "+".join("-" * (width + 2) for width in widths) + "+"
    drawn = [rule, *_draw(head, widths, _centre), rule] if header else [rule]
    for row in body:
        drawn += _draw(row, widths, _left)
    return "\n".join([*drawn, rule])


def title(name: str) -> str:
    """Return the heading for a field: `owner_id` becomes `OWNER ID`."""
    return name.replace("_", " ").strip().upper()


def display_width(text: str) -> int:
    """Return how many columns of a terminal `text` takes."""
    return len(text) if text.isascii() else sum(map(_character_width, text))


def wrap(text: str, limit: int = WRAP_AT) -> Lines:
    """Break `text` at blanks into lines of at most `limit` columns, as evenly as possible.

    The sum over all lines but the last of (limit - width)² is made minimal; of equal solutions the one with the shorter
    first line is taken. A word wider than `limit` is not broken but widens the limit for the whole text.
    """
    if isinstance(text, Verbatim):
        return text.split("\n")
    words = text.replace("\n", " ").split(" ")
    if len(words) == 1:
        return words
    sizes = [display_width(word) for word in words]
    limit = max(min(limit, sum(sizes) + len(sizes) - 1), *sizes, 0)
    ends = _best_breaks(sizes, limit)
    lines, start = [], 0
    while start < len(words):
        lines.append(" ".join(words[start : ends[start]]))
        start = ends[start]
    return lines


def _best_breaks(sizes: Sequence[int], limit: int) -> list[int]:
    """Return for every word the end of the line that starts there, in the cheapest split of all words from there on."""
    count = len(sizes)
    costs, ends = [0] * (count + 1), [count] * count
    for start in reversed(range(count)):
        costs[start], ends[start] = min(_lines_from(start, sizes, limit, costs))
    return ends


def _lines_from(start: int, sizes: Sequence[int], limit: int, costs: Sequence[int]) -> list[tuple[int, int]]:
    """Return (cost, end) of every line that can start at `start`; the last line of all costs nothing."""
    choices, width = [], -1
    for end in range(start + 1, len(sizes) + 1):
        width += sizes[end - 1] + 1
        if width > limit:
            break
        if end == len(sizes):
            return [(0, end)]
        choices.append(((limit - width) ** 2 + costs[end], end))
    return choices


def _widths(rows: Sequence[Sequence[Lines]]) -> list[int]:
    columns = zip_longest(*rows, fillvalue=[""])
    return [max(display_width(line) for cell in column for line in cell) for column in columns]


def _draw(row: Sequence[Lines], widths: Sequence[int], align: Callable[[str, int], str]) -> Lines:
    return [
        "| " + " | ".join(align(line, width) for line, width in zip(lines, widths, strict=True)) + " |"
        for lines in zip_longest(*row, fillvalue="")
    ]


def _left(text: str, width: int) -> str:
    return text + " " * (width - display_width(text))


def _centre(text: str, width: int) -> str:
    gap = width - display_width(text)
    return " " * (gap // 2) + text + " " * (gap - gap // 2)


def _character_width(character: str) -> int:
    if unicodedata.category(character) in NO_WIDTH:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
