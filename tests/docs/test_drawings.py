"""The drawings are what their script makes, and the concepts show all of them."""

from __future__ import annotations

import runpy
import xml.etree.ElementTree as ElementTree

from hanami_core.network.topology import SIDES, WALKED_SIDES, Position, neighbour
from tests.docs.reading import ROOT

FOLDER = ROOT / "docs" / "images"


def test_the_files_are_what_the_script_makes() -> None:
    made = runpy.run_path(str(FOLDER / "draw.py"))["draw"]()
    assert {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.svg")} == made
    assert all(ElementTree.fromstring(text).tag.endswith("svg") for text in made.values())


def test_the_concepts_show_all_of_them() -> None:
    text = (ROOT / "docs" / "concepts.md").read_text(encoding="utf-8")
    assert [path.name for path in FOLDER.glob("*.svg") if f"(images/{path.name})" not in text] == []


def test_the_concepts_tell_the_neighbours_that_there_are() -> None:
    text = (ROOT / "docs" / "concepts.md").read_text(encoding="utf-8")
    for y, word in ((1, "odd"), (2, "even")):
        (row,) = (line for line in text.splitlines() if line.startswith(f"| `x,y,z`, `y` {word}"))
        told = row.split("|")[2].replace("`", "").split()
        found = [spelled(neighbour(Position(0, y, 0), side), y) for side in WALKED_SIDES]
        assert sorted(told) == sorted(found)
    assert SIDES == 12


def spelled(position: Position, y: int) -> str:
    steps = zip("xyz", (position.x, position.y - y, position.z), strict=True)
    return ",".join(name + (f"{step:+d}" if step else "") for name, step in steps)
