"""The drawings of docs/concepts.md. ``python docs/images/draw.py`` writes them beside this file.

Only the standard library is used, and equal code gives equal files: tests/docs/test_drawings.py compares them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from xml.sax.saxutils import escape

FOLDER = Path(__file__).parent

INPUT = ("#dbeafe", "#2563eb")
HIDDEN = ("#fef3c7", "#d97706")
OUTPUT = ("#dcfce7", "#16a34a")
PLAIN = ("#ffffff", "#64748b")
FAINT = ("#f1f5f9", "#cbd5e1")
TEXT, QUIET, RED = "#0f172a", "#475569", "#dc2626"

Point = tuple[float, float]
Paint = tuple[str, str]


class Drawing:
    """An SVG that is put together piece by piece."""

    def __init__(self, width: int, height: int, title: str) -> None:
        """Begin with a white sheet, so that it can be read on a dark page too."""
        self.size, self.title, self.parts = (width, height), title, [""]
        self.box(0.5, 0.5, width - 1, height - 1, ("#ffffff", "#e2e8f0"), radius=6)

    def box(self, x: float, y: float, width: float, height: float, paint: Paint, radius: float = 2) -> None:
        """Draw a rectangle."""
        place = f'x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}"'
        self.parts.append(f'<rect {place} rx="{number(radius)}" fill="{paint[0]}" stroke="{paint[1]}"/>')

    def circle(self, x: float, y: float, radius: float, paint: Paint) -> None:
        """Draw a neuron."""
        place = f'cx="{number(x)}" cy="{number(y)}" r="{number(radius)}"'
        self.parts.append(f'<circle {place} fill="{paint[0]}" stroke="{paint[1]}"/>')

    def hexagon(self, x: float, y: float, radius: float, paint: Paint, lines: Iterable[str] = ()) -> None:
        """Draw a hexagon that stands on a corner, and lines of text in it."""
        corners = [(x + radius * math.sin(k * math.pi / 3), y - radius * math.cos(k * math.pi / 3)) for k in range(6)]
        points = " ".join(f"{number(a)},{number(b)}" for a, b in corners)
        self.parts.append(f'<polygon points="{points}" fill="{paint[0]}" stroke="{paint[1]}" stroke-width="1.5"/>')
        shown = list(lines)
        for place, line in enumerate(shown):
            self.text(x, y + 4.5 + 15 * (place - (len(shown) - 1) / 2), line, 13 if place == 0 else 11, "middle")

    def text(self, x: float, y: float, text: str, size: int = 13, anchor: str = "start", color: str = TEXT) -> None:
        """Write a line."""
        place = f'x="{number(x)}" y="{number(y)}" font-size="{size}" text-anchor="{anchor}" fill="{color}"'
        self.parts.append(f"<text {place}>{escape(text)}</text>")

    def line(self, start: Point, end: Point, color: str = QUIET, width: float = 1.5, dashes: str = "") -> None:
        """Draw a line without a head."""
        self._path(f"M{pair(start)} L{pair(end)}", color, width, dashes, "")

    def arrow(self, start: Point, end: Point, color: str = QUIET, width: float = 1.5, dashes: str = "") -> None:
        """Draw an arrow."""
        self._path(f"M{pair(start)} L{pair(end)}", color, width, dashes, ' marker-end="url(#head)"')

    def arc(self, start: Point, end: Point, rise: float, color: str = QUIET, dashes: str = "") -> None:
        """Draw an arrow that is bent upwards."""
        middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2 - rise)
        self._path(f"M{pair(start)} Q{pair(middle)} {pair(end)}", color, 1.5, dashes, ' marker-end="url(#head)"')

    def svg(self) -> str:
        """Return the file."""
        width, height = self.size
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
            f' font-family="Helvetica, Arial, sans-serif" role="img">\n<title>{escape(self.title)}</title>\n'
            '<defs><marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" '
            f'orient="auto"><path d="M0,0 L10,5 L0,10 z" fill="{QUIET}"/></marker></defs>'
        )
        return head + "\n".join(self.parts) + "\n</svg>\n"

    def _path(self, path: str, color: str, width: float, dashes: str, end: str) -> None:
        dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
        self.parts.append(
            f'<path d="{path}" fill="none" stroke="{color}" stroke-width="{number(width)}"{dashed}{end}/>'
        )


def number(value: float) -> str:
    """Write a coordinate, the same on every machine."""
    return f"{round(value, 1):g}"


def pair(point: Point) -> str:
    """Write a point of a path."""
    return f"{number(point[0])},{number(point[1])}"


def center(x: int, y: int, radius: float, left: float, top: float) -> Point:
    """Return where a hexagon of a layer is: odd rows are shifted to the right by half a hexagon."""
    return left + math.sqrt(3) * radius * (x + (y % 2) / 2), top + 1.5 * radius * y


# ---------------------------------------------------------------------------------------------------------------------
# Drawings
# ---------------------------------------------------------------------------------------------------------------------


def flow() -> Drawing:
    """From a dataset through a cluster to a result."""
    d = Drawing(860, 262, "A row of a dataset passes an input hexagon, a hidden one and an output hexagon")
    d.text(20, 30, "dataset", 15)
    for row in range(5):
        y = 45 + 26 * row
        current = row == 2
        d.box(20, y, 52, 26, OUTPUT if current else FAINT)
        d.box(72, y, 88, 26, INPUT if current else FAINT)
    for place, name in ((46, "label"), (116, "picture")):
        d.text(place, 192, "column", 12, "middle", QUIET)
        d.text(place, 207, name, 12, "middle", QUIET)
    d.text(46, 114, "10", 12, "middle")
    d.text(116, 114, "784 values", 12, "middle")
    d.text(744, 247, "one row = one cycle", 13, "middle")
    d.text(330, 30, "cluster", 15)
    d.box(222, 42, 406, 138, ("#ffffff", "#94a3b8"), radius=6)
    d.hexagon(290, 110, 56, INPUT, ("picture_hex", "1,1,1", "input"))
    d.hexagon(425, 110, 56, HIDDEN, ("blocks", "2,1,1", "hidden"))
    d.hexagon(560, 110, 56, OUTPUT, ("label_hex", "3,1,1", "output"))
    d.arrow((160, 110), (240, 110))
    d.arrow((339, 110), (375, 110))
    d.arrow((474, 110), (510, 110))
    d.arrow((609, 110), (694, 110))
    d.text(705, 30, "result", 15)
    for row in range(5):
        d.box(696, 45 + 26 * row, 96, 26, OUTPUT if row == 2 else FAINT)
    d.text(744, 114, "10 values", 12, "middle")
    d.text(744, 192, "a column of", 12, "middle", QUIET)
    d.text(744, 207, "a new dataset", 12, "middle", QUIET)
    d.line((46, 218), (46, 230), RED, 1.5, "4 3")
    d.line((46, 230), (560, 230), RED, 1.5, "4 3")
    d.line((560, 230), (560, 168), RED, 1.5, "4 3")
    d.text(303, 249, "in a training only: what the output should have been", 12, "middle", RED)
    return d


def grid() -> Drawing:
    """One layer, with the neighbours of a hexagon."""
    d = Drawing(560, 320, "A layer of hexagons: odd rows are shifted to the right, growth leads to three neighbours")
    radius, left, top = 46.0, 10.0, -10.0
    onwards, behind = {(3, 2), (2, 1), (2, 3)}, {(1, 2), (1, 1), (1, 3)}
    for y in (1, 2, 3):
        for x in (1, 2, 3, 4):
            paint = HIDDEN if (x, y) == (2, 2) else OUTPUT if (x, y) in onwards else PLAIN
            if paint is PLAIN and (x, y) not in behind:
                paint = FAINT
            d.hexagon(*center(x, y, radius, left, top), radius - 2, paint, (f"{x},{y},1",))
    start = center(2, 2, radius, left, top)
    for x, y in sorted(onwards):
        end = center(x, y, radius, left, top)
        length = math.dist(start, end)
        near, far = 26 / length, 1 - 28 / length
        a = (start[0] + near * (end[0] - start[0]), start[1] + near * (end[1] - start[1]))
        b = (start[0] + far * (end[0] - start[0]), start[1] + far * (end[1] - start[1]))
        d.arrow(a, b)
    for y, row in ((1, "y = 1, shifted"), (2, "y = 2"), (3, "y = 3, shifted")):
        d.text(447, top + 1.5 * radius * y + 5, row, 13, "start", QUIET)
    d.text(24, 272, "x grows to the right, y downwards", 13, "start", QUIET)
    for place, paint, text in (
        (24, HIDDEN, "the hexagon"),
        (140, OUTPUT, "neighbours that it grows into"),
        (382, PLAIN, "neighbours behind it"),
    ):
        d.box(place, 289, 14, 14, paint)
        d.text(place + 20, 301, text, 13)
    return d


def layers() -> Drawing:
    """Three layers on top of each other, side by side."""
    d = Drawing(860, 268, "A hexagon has three neighbours in the layer above and three in the layer below")
    onwards = {0: {(2, 1), (2, 2)}, 1: {(2, 1), (3, 2), (2, 3)}, 2: {(2, 2), (2, 3)}}
    behind = {0: {(1, 1)}, 1: {(1, 1), (1, 2), (1, 3)}, 2: {(1, 3)}}
    radius = 38.0
    for z, name in ((0, "z = 0, the layer below"), (1, "z = 1"), (2, "z = 2, the layer above")):
        left, top = 284.0 * z - 18, 4.0
        d.text(left + 147, 30, name, 14, "middle")
        for y in (1, 2, 3):
            for x in (1, 2, 3):
                paint = HIDDEN if (x, y, z) == (2, 2, 1) else OUTPUT if (x, y) in onwards[z] else FAINT
                paint = PLAIN if (x, y) in behind[z] else paint
                d.hexagon(*center(x, y, radius, left, top + 20), radius - 2, paint, (f"{x},{y},{z}",))
    d.text(430, 254, "2,2,1 grows into the green ones: forwards, up and down, but never back", 13, "middle", QUIET)
    return d


def distance() -> Drawing:
    """What `max_connection_distance` and axons do."""
    d = Drawing(860, 396, "Connections over one hop, over two hops, and over a gap with an axon")
    radius = 40.0
    for row, text in enumerate(("max_connection_distance: 1", "max_connection_distance: 2", "an axon over a gap")):
        d.text(24, 75 + 118 * row, text, 14)
    d.text(24, 95 + 118 * 2, "1,1,1 -> 3,1,1", 13, "start", QUIET)
    kinds = {1: INPUT, 2: HIDDEN, 3: HIDDEN, 4: OUTPUT}

    def place(x: int, row: int) -> Point:
        return 180 + 130.0 * x, 70 + 118.0 * row

    for row in (0, 1, 2):
        for x in (1, 2, 3, 4):
            if row == 2 and x == 2:
                d.hexagon(*place(x, row), radius, ("#ffffff", "#cbd5e1"), ("(empty)",))
            else:
                d.hexagon(*place(x, row), radius, kinds[x], (f"{x},1,1",))
    for row in (0, 1):
        for x in (1, 2, 3):
            (a, y), (b, _) = place(x, row), place(x + 1, row)
            d.arrow((a + 36, y), (b - 36, y))
    for x in (1, 2):
        (a, y), (b, _) = place(x, 1), place(x + 2, 1)
        d.arc((a + 14, y - 34), (b - 14, y - 34), 36)
    (a, y), (b, _) = place(1, 2), place(3, 2)
    d.arc((a + 14, y - 34), (b - 14, y - 34), 36, RED, "6 4")
    (a, y), (b, _) = place(3, 2), place(4, 2)
    d.arrow((a + 36, y), (b - 36, y))
    for left, paint, text in ((310, INPUT, "input"), (400, HIDDEN, "hidden"), (500, OUTPUT, "output")):
        d.box(left, 369, 14, 14, paint)
        d.text(left + 20, 381, text, 13)
    return d


def section() -> Drawing:
    """A network with section growth."""
    d = Drawing(860, 356, "Section growth: each active input has one row of 64 weights into each block")
    d.text(24, 30, "input hexagon", 14)
    d.text(250, 30, "hidden hexagon: blocks of 64 neurons", 14)
    d.text(690, 30, "output hexagon", 14)
    values = ("0.8", "0.0", "0.3", "1.0")
    for place, value in enumerate(values):
        y = 78 + 62 * place
        on = value != "0.0"
        d.circle(70, y, 20, INPUT if on else FAINT)
        d.text(70, y + 5, value, 13, "middle", TEXT if on else QUIET)
    d.text(24, 338, "0.0: never active, so it has no section", 12, "start", QUIET)
    for block in (0, 1):
        top = 54 + 142 * block
        d.box(236, top, 386, 122, ("#fffbeb", HIDDEN[1]), radius=4)
        d.text(612, top + 16, f"block {block + 1}", 12, "end", QUIET)
        for row, place in enumerate((0, 2, 3)):
            y = top + 26 + 20 * row
            source = 78 + 62 * place
            d.line((90, source), (250, y + 6), INPUT[1], 1)
            for cell in range(16):
                d.box(250 + 18 * cell, y, 15, 12, INPUT, radius=1)
            d.text(544, y + 11, "section" if row == 0 else "", 12, "start", QUIET)
        for cell in range(16):
            d.circle(257.5 + 18 * cell, top + 100, 7, HIDDEN)
        d.text(544, top + 104, "neurons", 12, "start", QUIET)
    for output, text in enumerate(("0.9", "0.1")):
        y = 120 + 120 * output
        d.circle(740, y, 20, OUTPUT)
        d.text(740, y + 5, text, 13, "middle")
        for block in (0, 1):
            d.arrow((622, 154 + 142 * block), (718, y))
    d.text(622, 338, "16 of 64 weights and neurons are drawn", 12, "end", QUIET)
    return d


def synapse() -> Drawing:
    """How a potential runs through a section of synapse growth."""
    d = Drawing(860, 352, "Synapse growth: a potential runs through a section, and what is left makes a new synapse")
    left, unit = 300.0, 2.0
    d.text(left, 30, "the synapses of a section, as long as their borders", 14)
    rows = (
        ("training, potential 100", "there is no synapse yet: a new one", ((100, "border 100", True),), 100),
        ("training, potential 250", "150 are left: another one", ((100, "100", False), (150, "border 150", True)), 250),
        (
            "request, potential 180",
            "adds 100 % of one weight, 53 % of the next",
            ((100, "100 %", False), (150, "53 %", False)),
            180,
        ),
        (
            "training, potential 60",
            "ends inside the 1st: it shrinks",
            ((200 / 3, "66.7", False), (150, "150", False)),
            60,
        ),
    )
    for row, (title, text, borders, potential) in enumerate(rows):
        y = 64 + 72 * row
        d.text(24, y + 6, title, 14)
        d.text(24, y + 25, text, 12, "start", QUIET)
        x = left
        for border, label, new in borders:
            d.box(x, y - 8, unit * border, 26, OUTPUT if new else HIDDEN)
            d.text(x + unit * border / 2, y + 10, label, 12, "middle")
            x += unit * border
        d.arrow((left, y + 27), (left + unit * potential, y + 27), INPUT[1], 2)
    d.text(
        left,
        340,
        "blue: how far the potential gets. Each synapse leads to one neuron of the block.",
        12,
        "start",
        QUIET,
    )
    return d


DRAWINGS: dict[str, Callable[[], Drawing]] = {
    "flow": flow,
    "grid": grid,
    "layers": layers,
    "distance": distance,
    "section": section,
    "synapse": synapse,
}


def draw() -> dict[str, str]:
    """Return each file by its name."""
    return {f"{name}.svg": make().svg() for name, make in DRAWINGS.items()}


if __name__ == "__main__":
    for name, content in draw().items():
        (FOLDER / name).write_text(content, encoding="utf-8")
