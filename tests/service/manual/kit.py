"""What the chapters of the manual have in common: how printed tables and lists are read."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hanami_sdk import (
    dataset,
    request_result,
    task,
)
from hanami_server.local import LocalServer

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
OWNED_PRINTED = "uuid", "project_id", "owner_id", "visibility", "name"
OWNED = ["UUID", "NAME", "VISIBILITY", "OWNER ID", "PROJECT ID", "CREATED AT"]
TASK = [
    "UUID",
    "STATE",
    "CURRENT CYCLE",
    "TOTAL NUMBER OF CYCLES",
    "QUEUE TIMESTAMP",
    "START TIMESTAMP",
    "END TIMESTAMP",
]
TEMPLATE = """version: 1
settings:
    neuron_cooldown: 10000000.0
    refractory_time: 1
    max_connection_distance: 1
    enable_reduction: false
hexagons:
    1,1,1
    2,1,1
    3,1,1
    \

inputs:
    picture: 1,1,1

outputs:
    label: 3,1,1
"""
Login = tuple[str, str]


def cells(line: str) -> list[str]:
    """Return the cells of a line; each has a blank on both sides."""
    assert line.startswith("| ")
    assert line.endswith(" |")
    return line[2:-2].split(" | ")


def check_borders(lines: list[str], rules: set[int]) -> None:
    """Rules stand where they have to, all lines are as long, and bars are below crosses."""
    crosses = [place for place, sign in enumerate(lines[0]) if sign == "+"]
    assert {number for number, line in enumerate(lines) if line.startswith("+")} == rules
    for number, line in enumerate(lines):
        assert len(line) == len(lines[0])
        assert all(line[place] == ("+" if number in rules else "|") for place in crosses)
        assert number not in rules or set(line) == {"+", "-"}


def record(text: str) -> dict[str, str]:
    """Read the table of one object: two columns, left aligned, no header."""
    lines = text.splitlines()
    check_borders(lines, {0, len(lines) - 1})
    pairs = [cells(line) for line in lines[1:-1]]
    widths = [max(len(pair[column].rstrip()) for pair in pairs) for column in (0, 1)]
    assert all(pair == [pair[0].rstrip().ljust(widths[0]), pair[1].rstrip().ljust(widths[1])] for pair in pairs)
    return {title.rstrip(): value.rstrip() for title, value in pairs}


def listing(text: str) -> tuple[list[str], list[dict[str, str]]]:
    """Read the table of a list: a centred header between two rules, left aligned rows without rules."""
    lines = text.splitlines()
    check_borders(lines, {0, 2, len(lines) - 1})
    header, *rows = [cells(line) for line in (lines[1], *lines[3:-1])]
    for title in header:
        spare = len(title) - len(title.strip())
        assert title == " " * (spare // 2) + title.strip() + " " * (spare - spare // 2)
    assert all(cell == cell.strip().ljust(len(cell)) for row in rows for cell in row)
    titles = [title.strip() for title in header]
    return titles, [dict(zip(titles, map(str.rstrip, row), strict=True)) for row in rows]


def first(titles: Iterable[str], of: Sequence[str]) -> list[str]:
    """Return as many titles as there are `of`: what the manual prints comes first, and more behind it."""
    return list(titles)[: len(of)]


def only(row: Mapping[str, str], titles: Sequence[str]) -> dict[str, str]:
    """Return the part of a row that the manual prints."""
    return {title: row[title] for title in titles}


def check_owned(found: dict[str, str], name: str, server: LocalServer) -> None:
    assert UUID.fullmatch(found["UUID"])
    assert TIME.fullmatch(found["CREATED AT"])
    owner = {"NAME": name, "VISIBILITY": "private", "OWNER ID": server.user, "PROJECT ID": "admin"}
    assert {title: found[title] for title in owner} == owner


def rows(answer: bytes, *printed: str) -> list[dict[str, Any]]:
    """Return the rows of a list whose header has what the manual prints, in that order; later servers tell more."""
    table = json.loads(answer)
    assert [name for name in table["header"] if name in printed] == list(printed)
    return [dict(zip(table["header"], row, strict=True)) for row in table["body"]]


def finished(login: Login, task_uuid: str, cluster_uuid: str) -> dict[str, Any]:
    while True:
        found: dict[str, Any] = json.loads(task.get_task(*login, task_uuid, cluster_uuid))
        assert found["state"] in ("queued", "active", "finished")
        if found["state"] == "finished":
            return found
        time.sleep(0.02)


CHECKERS: tuple[Any, ...] = (dataset, request_result)
